"""Files that people hand in are cut off where they are larger than anything that is taken."""

from __future__ import annotations

from django.core.files.uploadhandler import FileUploadHandler, StopUpload

from tenantatlas.backups.unpacking import MOST_BYTES


class BoundedUploadHandler(FileUploadHandler):
    """Ends the reading of a request that carries more than the largest archive; stands before the others."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass the chunk on, or close the connection."""
        if start + len(raw_data) > MOST_BYTES:
            raise StopUpload(connection_reset=True)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
