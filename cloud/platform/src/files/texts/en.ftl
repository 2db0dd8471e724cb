files-title = Files
files-empty = No files yet.
files-empty-hint = Drawings, certificates, photos: drop them here, or choose them.
files-add = Add files
files-choose = Choose files
files-drop = or drop them here
files-most = Up to { $most } each.
files-send = Send
files-sending = Sending…
files-version = version { $n }
files-versions = { $count ->
    [one] { $count } earlier version
   *[other] { $count } earlier versions
}
files-replace = New version
files-delete = Delete
files-restore = Restore
files-deleted = { $count ->
    [one] { $count } deleted file
   *[other] { $count } deleted files
}
files-by = { $name }, { $at }
files-back = Back
files-download = Download { $name }
files-wrong-empty = There is nothing in this file. Choose another one.
files-wrong-name = This file has no name that can be kept. Rename it and send it again.
files-wrong-large = This file is larger than { $most }. Make it smaller, or split it.
files-wrong-quota = The organisation's files would take more than { $most }. Delete some, or ask for more room.
files-wrong-kind = This is a { $kind }, and those are not taken. Put it into a zip file if it must be kept.
files-wrong-sending = The file did not come whole. Send it again.
files-wrong-none = No file came. Choose one first.
files-wrong-many = At most { $most } files at once: the rest was not taken.
files-wrong-stale = Somebody else changed this file meanwhile. Look at it again.
error-files-off = Files are not set up on this server.
error-files-store = The place where files lie does not answer. Try again in a moment.
error-files-empty = There is nothing in this file.
error-files-name = This file has no name that can be kept.
error-files-too_large = This file is too large.
error-files-quota = There is no room for more files.
error-files-kind = Files of this kind are not taken.
error-files-sending = The file did not come whole.
