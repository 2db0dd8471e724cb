-- Found by the test that looks at the plan of every query (db/plan_tests.rs).

-- Old notices are swept by when they were told.
create index notices_told on notices (tenant_id, told_at);
-- Whoever withdraws a partner is told of its open orders.
create index orders_partner on orders (tenant_id, partner, number) where status = 'open';
