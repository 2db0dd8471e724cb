permission-proof-read = See proofs, and take out histories
permission-proof-manage = Put new keys of signatures into use, and have the check run
error-proof-empty = No event is in the tree yet. Ask again when a plant has sent something.
error-proof-event = There is no such event in the tree. What was taken in just now is there within seconds.
error-proof-sizes = There was no tree of that size.
error-proof-too_long = This unit has more events than one file takes.
notice-proof-altered = A fact was changed behind the application's back: { $event ->
    [tree] Merkle tree
   *[other] { $event }
}.
notice-kind-proof-altered = A fact was changed behind the application's back
trace-exception-proof-altered = Fact changed behind the application's back
nav-proofs = Proofs
proofs-title = Proofs
proofs-lead = Every event stands in a signed Merkle tree: none can be changed or left out unnoticed.
proofs-none = No event is in the tree yet. It grows within seconds once a plant has sent something.
proofs-export = Take out the history of a unit
proofs-export-how = A file with all its events and their proofs. Anybody can check it: cloud verify FILE, or the small program verify.
proofs-which = UID of the unit
proofs-take = Take out
proofs-size = Events in the tree
proofs-behind = some are still to be taken in
proofs-head = Last signed head
proofs-checked = Checked against the tree
proofs-never = not yet
proofs-altered = Found altered
proofs-keys = Keys that sign
proofs-keys-how = Publish the key in use where others find it: they check your histories with it.
proofs-key-used = in use since
proofs-key-until = until
proofs-new-key = Put a new key into use
error-proof-checking = A check is under way. Wait until it has ended.
proofs-checking = All events are being checked
proofs-check-now = Check all events now
proofs-check-how = It runs by itself every six hours. What was changed is told under Exceptions.
proofs-new-key-lead = From then on the new key signs. This cannot be undone: whoever checks your histories needs the new key too, so publish it. What older keys signed stays good under them.
proofs-new-key-understood = I know that, and will publish the new key.
proofs-new-key-sure = Tick the box: a new key cannot be taken back.
