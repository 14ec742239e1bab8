"""Where images come from: manifests, decoded image sets, view cropping, the phantom, importers.

`manifest.read_manifest` checks a data set as a whole, `images.load_images` decodes it, and
`phantom.phantom` simulates one; each ends in an `images.ImageSet`.
"""
