"""Tasks on files of the internal storage (reference §2.5); all stream, whatever the size."""

from app.plugins.core.storage.concat import Concat
from app.plugins.core.storage.deduplicate_items import DeduplicateItems
from app.plugins.core.storage.delete import Delete
from app.plugins.core.storage.filter_items import FilterItems
from app.plugins.core.storage.local_files import LocalFiles
from app.plugins.core.storage.purge import PurgeCurrentExecutionFiles
from app.plugins.core.storage.reverse import Reverse
from app.plugins.core.storage.size import Size
from app.plugins.core.storage.split import Split
from app.plugins.core.storage.write import Write

TYPES = (
    Concat,
    DeduplicateItems,
    Delete,
    FilterItems,
    LocalFiles,
    PurgeCurrentExecutionFiles,
    Reverse,
    Size,
    Split,
    Write,
)
