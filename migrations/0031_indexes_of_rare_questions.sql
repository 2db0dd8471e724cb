-- Found by the test that looks at the plan of every query (db/plan_tests.rs).

-- Whoever withdraws a partner is told of its open orders.
create index orders_partner on orders (tenant_id, partner, number) where status = 'open';
