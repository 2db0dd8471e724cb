nav-suspects = Suspects
permission-scope-read = Look for suspects, see scopes
permission-scope-write = Keep and delete scopes
scope-title = Suspects
scope-lead = Which units had something happen to them: passed a machine at a time, had a reading outside its limits, were handled by somebody, contain a lot.
scope-conditions = Conditions
scope-other-hint = These conditions are nested deeper than this form shows.
scope-anew = Begin anew
scope-mode = A unit fits when
scope-mode-all = all conditions hold
scope-mode-any = one condition holds
scope-not = Not: units for which it does not hold
scope-remove = Remove condition
scope-add = Add a condition
scope-find = Find units
scope-clock-hint = Times are as the clock of the plant shows them, where it happened.
scope-whatever = Any
scope-kind-passed = Passed a machine or station
scope-kind-reading = Had a reading
scope-kind-handled = Was handled by somebody
scope-kind-contains = Contains a lot or a part
scope-kind-document = Was named with a document or customer
scope-kind-done = Had something done to it
scope-kind-item = Is an item, in a state
scope-hint-passed = Between two times. What was inside all the while, as in an oven, counts too.
scope-hint-reading = Readings of a load are readings of each of its members.
scope-hint-handled = The person's id as events name it.
scope-hint-contains = Fill in one: a UID or its serial, a supplier's lot, or a lot's id. Everything it went into is found.
scope-hint-document = A document's number, such as a goods receipt, or a customer.
scope-hint-done = One event that fits all that is filled in: an inspection that failed, a shift on a day.
scope-hint-item = As it is now.
scope-field-machine = Machine
scope-field-station = Station
scope-field-operation = Operation
scope-field-plant = Plant
scope-field-from = From
scope-field-to = To
scope-field-name = Reading
scope-field-how = Limits
scope-field-low = Lower limit
scope-field-high = Upper limit
scope-field-operator = Person
scope-field-uid = UID or serial
scope-field-supplier_lot = Supplier's lot or heat
scope-field-supplier = Supplier
scope-field-lot = Lot id
scope-field-document = Document number
scope-field-document_type = Document type
scope-field-customer = Customer
scope-field-stage = Stage
scope-field-outcome = Outcome
scope-field-reason = Reason
scope-field-shift = Shift
scope-field-produced_from = Production date from
scope-field-produced_to = Production date to
scope-field-item = Item
scope-field-life = Life
scope-field-quality = Quality
scope-field-custody = Where
scope-how-limits = Outside its own limits
scope-how-outside = Outside the limits below
scope-how-inside = Within the limits below
scope-found = { $count ->
    [one] { $count } unit
   *[other] { $count } units
 }
scope-found-more = { $count ->
    [one] At least { $count } unit
   *[other] At least { $count } units
 }
scope-looked-back = These are of what happened since { $at }.
scope-more-hint = There may be more. Narrow the time to count them; what is saved as a scope is always all of them, and a job goes on where that takes longer.
scope-none = No unit fits. A wider time, or one condition less, finds more.
scope-unknown = { $field } “{ $value }”: no event of yours names it.
scope-unknown-unit = { $field } “{ $value }”: no unit of yours is of it.
scope-name = Name
scope-keep = Save as scope
scope-hold = Hold these
scope-recall = Start a recall
scope-units = Units
scope-state = State
scope-groups-cut = Only the 200 largest groups are shown.
scope-list-title = Scopes
scope-list-lead = Units that were found and kept, as they were found then.
scope-list-none = None yet. Look for suspects, and save what you find as a scope: it can then be held or recalled.
scope-state-saving = Being saved
scope-state-stopped = Stopped
scope-state-failed = Not saved
scope-saving-search = Conditions asked
scope-saving-write = Units written
scope-unfinished-hint = Until all of its units are written it cannot be held, recalled or listed. You may leave this page: it goes on.
scope-stop = Stop
scope-go-on = Go on
scope-kept = Kept
scope-again = Ask again and compare
scope-change = Change the conditions
scope-delete = Delete
scope-compared = Compared with now
scope-same = { $count ->
    [one] { $count } unit is in both
   *[other] { $count } units are in both
 }
scope-new = { $count ->
    [one] { $count } new unit fits now
   *[other] { $count } new units fit now
 }
scope-gone = { $count ->
    [one] { $count } unit fits no more
   *[other] { $count } units fit no more
 }
scope-too-many = More than { $most } units fit this condition. Name an item, a machine or a shorter time.
scope-wrong-node = A condition is an object with one member: all, any, not, event, reading, contains or is.
scope-wrong-kind = There is no condition “{ $value }”. There are all, any, not, event, reading, contains and is.
scope-wrong-list = At least one condition must be in it.
scope-wrong-fields = An object with the fields of the condition is needed.
scope-wrong-nodes = More than { $value } conditions.
scope-wrong-deep = Conditions are nested deeper than { $value } levels.
scope-wrong-text = This must be a text.
scope-wrong-long = This must be a text of up to { $value } characters.
scope-wrong-choice = This must be one of: { $value }.
scope-wrong-moment = “{ $value }” is not a time, such as 2025-01-20T06:00 or 2025-01-20T06:00:00+05:30.
scope-wrong-date = “{ $value }” is not a date, such as 2025-01-20.
scope-wrong-number = “{ $value }” is not a number with up to six decimals.
scope-wrong-flag = This must be true or false.
scope-wrong-turned = The end lies before the beginning.
scope-wrong-limits-turned = The upper limit lies below the lower.
scope-wrong-unknown = There is no such field. There are: { $value }.
scope-wrong-empty = Fill in something.
scope-wrong-name = Name the reading.
scope-wrong-limits = Say outside, or name a lower or an upper limit.
scope-wrong-lot = “{ $value }” is not the id of a lot.
scope-wrong-one-of = Fill in exactly one of: { $value }.
scope-wrong-beside-document = A type needs the number of the document beside it.
scope-wrong-document-or-customer = Fill in a document or a customer, not both.
scope-wrong-beside-supplier-lot = A supplier needs its lot beside it.
scope-wrong-uid = Nothing is known by “{ $value }”.
scope-wrong-ambiguous = “{ $value }” stands for several units; give the UID.
scope-wrong-not-alone = “Not” only leaves units out. Add a condition beside it, under “all”, that says among which units: a machine, a lot, an item.
scope-wrong-event-alone = This alone would go through everything. Add a machine, a station, a person, a reason, a document, or both ends of a time.
scope-wrong-is-alone = This alone would go through everything. Add an item, or another condition beside it.
error-scope-criteria = The conditions are not right yet.
error-scope-too_many = Too many units fit. Name an item, a machine or a shorter time.
error-scope-too_slow = It took too long. Name a machine, a shorter time or an item.
error-scope-name = A name of up to 200 characters is needed.
error-scope-empty = No unit fits, so there is nothing to keep.
error-scope-others = Somebody else made this scope; to do that, the right is needed at every plant.
error-scope-unfinished = This scope is not whole: it is still being saved, was stopped, or failed. Its page shows how far it is.
error-scope-state = The state that the scope is in does not allow it.
scope-group = Group of conditions
scope-group-mode = Fits when
scope-group-add = Add to this group
scope-group-remove = Remove group
scope-field-taken = Labels from which something was only taken
scope-taken-tick = Count labels from which something was only taken there, too
scope-taken-too = count too
scope-taken-hint = Such as a coil that parts were cut of: it went on, and is no suspect. Tick it in the condition to count them, too; what is saved or held is what is counted.
scope-taken-unknown = How many labels from which something was only taken are not counted is not known yet: to look for them took too long. Ask again, or name a machine or a shorter time.
scope-taken-out = { $count ->
    [one] { $count } label from which something was only taken is not counted
   *[other] { $count } labels from which something was only taken are not counted
}
