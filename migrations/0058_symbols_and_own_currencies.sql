-- Units have a symbol, as people write them; and a currency is one of ISO 4217, or marked
-- as the tenant's own.

alter table units add column symbol text not null default '' check (char_length(symbol) <= 12);
alter table currencies add column own boolean not null default false;

create or replace function app.begin_masters(tenant uuid) returns void
    language sql
begin atomic
    insert into units (tenant_id, unit, name, symbol, dimension, decimals, tax_code)
    select tenant, u.unit, u.name, u.symbol, u.dimension, u.decimals, u.tax_code
    from (values ('pcs', 'Pieces', 'pcs', 'count', 0, 'PCS'), ('set', 'Sets', '', 'count', 0, 'SET'),
                 ('box', 'Boxes', '', 'count', 0, 'BOX'), ('kg', 'Kilograms', 'kg', 'mass', 3, 'KGS'),
                 ('g', 'Grams', 'g', 'mass', 3, 'GMS'), ('t', 'Tonnes', 't', 'mass', 3, 'TON'),
                 ('m', 'Metres', 'm', 'length', 3, 'MTR'), ('mm', 'Millimetres', 'mm', 'length', 3, null),
                 ('m2', 'Square metres', 'm²', 'area', 3, 'SQM'), ('l', 'Litres', 'l', 'volume', 3, null),
                 ('ml', 'Millilitres', 'ml', 'volume', 3, 'MLT'), ('h', 'Hours', 'h', 'time', 2, null))
         as u(unit, name, symbol, dimension, decimals, tax_code)
    on conflict do nothing;
    insert into unit_conversions (tenant_id, from_unit, to_unit, factor)
    select tenant, c.from_unit, c.to_unit, c.factor
    from (values ('kg', 'g', 1000), ('t', 'kg', 1000), ('m', 'mm', 1000), ('l', 'ml', 1000))
         as c(from_unit, to_unit, factor)
    on conflict do nothing;
    insert into currencies (tenant_id, currency, name, symbol)
    select tenant, c.currency, c.name, c.symbol
    from (values ('INR', 'Indian rupee', '₹'), ('USD', 'US dollar', '$'), ('EUR', 'Euro', '€'))
         as c(currency, name, symbol)
    on conflict do nothing;
    insert into tax_rates (tenant_id, tax_rate, name, kind, rate)
    select tenant, r.tax_rate, r.name, r.kind, r.rate
    from (values ('GST-0', 'GST 0 %', 'gst', 0), ('GST-5', 'GST 5 %', 'gst', 5),
                 ('GST-18', 'GST 18 %', 'gst', 18), ('GST-40', 'GST 40 %', 'gst', 40),
                 ('EXEMPT', 'Exempt', 'exempt', 0))
         as r(tax_rate, name, kind, rate)
    on conflict do nothing;
end;

-- Tenants that are there already: what they begin with has its symbol, and currencies that
-- are none of ISO 4217 (the list of 2026-01-01, as in masters/iso4217.tsv) are their own.
do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        update units set symbol = case unit when 'm2' then 'm²' else unit end
        where tenant_id = t and symbol = '' and unit in ('pcs', 'kg', 'g', 't', 'm', 'mm', 'm2', 'l', 'ml', 'h');
        update currencies set own = true
        where tenant_id = t and currency not in (
                'AED', 'AFN', 'ALL', 'AMD', 'AOA', 'ARS', 'AUD', 'AWG', 'AZN', 'BAM', 'BBD', 'BDT',
                'BHD', 'BIF', 'BMD', 'BND', 'BOB', 'BOV', 'BRL', 'BSD', 'BTN', 'BWP', 'BYN', 'BZD',
                'CAD', 'CDF', 'CHE', 'CHF', 'CHW', 'CLF', 'CLP', 'CNY', 'COP', 'COU', 'CRC', 'CUP',
                'CVE', 'CZK', 'DJF', 'DKK', 'DOP', 'DZD', 'EGP', 'ERN', 'ETB', 'EUR', 'FJD', 'FKP',
                'GBP', 'GEL', 'GHS', 'GIP', 'GMD', 'GNF', 'GTQ', 'GYD', 'HKD', 'HNL', 'HTG', 'HUF',
                'IDR', 'ILS', 'INR', 'IQD', 'IRR', 'ISK', 'JMD', 'JOD', 'JPY', 'KES', 'KGS', 'KHR',
                'KMF', 'KPW', 'KRW', 'KWD', 'KYD', 'KZT', 'LAK', 'LBP', 'LKR', 'LRD', 'LSL', 'LYD',
                'MAD', 'MDL', 'MGA', 'MKD', 'MMK', 'MNT', 'MOP', 'MRU', 'MUR', 'MVR', 'MWK', 'MXN',
                'MXV', 'MYR', 'MZN', 'NAD', 'NGN', 'NIO', 'NOK', 'NPR', 'NZD', 'OMR', 'PAB', 'PEN',
                'PGK', 'PHP', 'PKR', 'PLN', 'PYG', 'QAR', 'RON', 'RSD', 'RUB', 'RWF', 'SAR', 'SBD',
                'SCR', 'SDG', 'SEK', 'SGD', 'SHP', 'SLE', 'SOS', 'SRD', 'SSP', 'STN', 'SVC', 'SYP',
                'SZL', 'THB', 'TJS', 'TMT', 'TND', 'TOP', 'TRY', 'TTD', 'TWD', 'TZS', 'UAH', 'UGX',
                'USD', 'USN', 'UYI', 'UYU', 'UYW', 'UZS', 'VED', 'VES', 'VND', 'VUV', 'WST', 'XAD',
                'XAF', 'XAG', 'XAU', 'XBA', 'XBB', 'XBC', 'XBD', 'XCD', 'XCG', 'XDR', 'XOF', 'XPD',
                'XPF', 'XPT', 'XSU', 'XUA', 'YER', 'ZAR', 'ZMW', 'ZWG');
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
