"""Raw material becomes views and a manifest: screenshots, folders, DICOM stills, public sets.

Each importer is one plain function that returns the path of the manifest it wrote; `arguments`
holds what the command line offers for each (`add_arguments`, `from_arguments`).
"""

from testiculus.data.importers.arguments import add_arguments, from_arguments

__all__ = ["add_arguments", "from_arguments"]
