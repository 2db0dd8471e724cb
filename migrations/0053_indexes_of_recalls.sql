-- Indexes of two questions that grew with every hold and every letter ever.

-- The holds that a recall placed, among all that there ever were.
create index holds_of_recalls on holds (tenant_id, hold_id) where scope ->> 'what' = 'recall';
-- Whether somebody concerned got a letter.
create index recall_letters_sent on recall_letters (tenant_id, recall_id, consignee_id) where state = 'sent';
