-- Names of masters in each language. Beside `name`, which is the one in the tenant's
-- own language, stands `names` by language; lists are searched and sorted by a
-- lower-case copy for each language, which falls back to the name, since under
-- row-level security only comparisons of plain columns use an index.

-- A text of several: in the language that is wanted, else in any.
create function app.name_in(names jsonb, wanted text) returns text
    language sql immutable parallel safe
    return coalesce(names ->> wanted, names ->> 'en', names ->> 'hi', names ->> 'bn', names ->> 'te');
revoke execute on function app.name_in(jsonb, text) from public;
grant execute on function app.name_in(jsonb, text)
    to tracewright_app, tracewright_ingest, tracewright_system;

-- Gives a table with a `name` its names in languages, in the column `names` (made
-- where it is not there): what is written to one of the two follows in the other,
-- whoever writes.
create procedure app.keep_names(target text, names text, keys text[])
    language plpgsql as $$
declare
    key_list text := (select string_agg(quote_ident(k), ', ') from unnest(keys) k);
    wanted   text;
    t        record;
begin
    execute format('alter table %I add column if not exists %I jsonb not null default ''{}''', target, names);

    -- Rows that are there already keep their authors.
    execute format('alter table %I disable trigger touch', target);
    for t in select tenant_id, language from control.tenants loop
        perform set_config('app.tenant_id', t.tenant_id::text, true);
        execute format(
            'update %1$I set %2$I = jsonb_build_object($2::text, name) '
            'where tenant_id = $1 and %2$I = ''{}'' and name <> ''''', target, names)
            using t.tenant_id, t.language;
    end loop;
    perform set_config('app.tenant_id', '', true);
    execute format('alter table %I enable trigger touch', target);

    execute format('alter table %I drop column if exists name_search', target);
    foreach wanted in array '{en,hi,bn,te}'::text[] loop
        execute format(
            'alter table %I add column %I text collate "C" not null '
            'generated always as (lower(coalesce(%I ->> %L, name))) stored',
            target, 'name_' || wanted || '_search', names, wanted);
    end loop;
    foreach wanted in array '{en,hi,bn,te}'::text[] loop
        execute format('create index %I on %I (tenant_id, %I, %s)', target || '_name_' || wanted || '_search',
            target, 'name_' || wanted || '_search', key_list);
    end loop;

    execute format($f$
        create function app.%1$I() returns trigger language plpgsql as $t$
        declare
            own text;
        begin
            -- A row that is copied from elsewhere is as it was there.
            if current_setting('app.copying', true) = 'on' then
                return new;
            end if;
            if tg_op = 'UPDATE' and new.name is not distinct from old.name
                and new.%2$I is not distinct from old.%2$I then
                return new;
            end if;
            own := coalesce((select t.language from control.tenants t where t.tenant_id = new.tenant_id), 'en');
            if tg_op = 'INSERT' then
                if new.%2$I = '{}' and new.name <> '' then
                    new.%2$I := jsonb_build_object(own, new.name);
                elsif coalesce(new.name, '') = '' then
                    new.name := coalesce(app.name_in(new.%2$I, own), new.name, new.%3$I);
                end if;
            elsif new.%2$I is distinct from old.%2$I then
                -- A name that is still one of them stays, unless it is said in the tenant's own.
                if new.name is not distinct from old.name
                    and (new.%2$I ->> own is not null or not coalesce(new.name = any (array[new.%2$I ->> 'en',
                         new.%2$I ->> 'hi', new.%2$I ->> 'bn', new.%2$I ->> 'te']), false)) then
                    new.name := coalesce(app.name_in(new.%2$I, own), new.name);
                end if;
            elsif coalesce(new.name, '') = '' then
                new.%2$I := new.%2$I - own;
            else
                new.%2$I := new.%2$I || jsonb_build_object(own, new.name);
            end if;
            return new;
        end $t$ $f$, target || '_names', names, keys[cardinality(keys)]);
    execute format(
        'create trigger keep_names before insert or update of name, %I on %I for each row execute function app.%I()',
        names, target, target || '_names');
end $$;
revoke execute on procedure app.keep_names(text, text, text[]) from public;

-- Their name was the English text, whatever the tenant's language.
alter table reasons drop column name_search, alter column name drop expression;
alter table item_attributes drop column name_search, alter column name drop expression;
alter table custom_fields drop column name_search, alter column name drop expression;

call app.keep_names('items', 'names', '{item}');
call app.keep_names('item_attributes', 'names', '{attribute}');
call app.keep_names('reasons', 'texts', '{reason}');
call app.keep_names('custom_fields', 'labels', '{master,field}');
call app.keep_names('units', 'names', '{unit}');
call app.keep_names('item_categories', 'names', '{category}');
call app.keep_names('warehouses', 'names', '{warehouse}');
call app.keep_names('bins', 'names', '{plant,bin}');
call app.keep_names('stations', 'names', '{plant,station}');
call app.keep_names('machines', 'names', '{machine}');
call app.keep_names('shifts', 'names', '{plant,shift}');
call app.keep_names('departments', 'names', '{plant,code}');
call app.keep_names('cost_centres', 'names', '{code}');
call app.keep_names('tax_rates', 'names', '{tax_rate}');
call app.keep_names('payment_terms', 'names', '{payment_terms}');
call app.keep_names('currencies', 'names', '{currency}');
call app.keep_names('document_series', 'names', '{series}');
call app.keep_names('retention_rules', 'names', '{person_kind}');

-- ------------------------------------------------- what tenants begin with --

-- Says in all languages what a tenant begins with, where it still bears the English
-- text that it came with and nobody has said it in another language.
create function app.begin_names(tenant uuid) returns void
    language sql
begin atomic
    update units u
    set names = jsonb_build_object('en', s.en, 'hi', s.hi, 'bn', s.bn, 'te', s.te)
    from (values
            ('pcs', 'Pieces', 'नग', 'পিস', 'పీసులు'),
            ('set', 'Sets', 'सेट', 'সেট', 'సెట్లు'),
            ('box', 'Boxes', 'डिब्बे', 'বাক্স', 'పెట్టెలు'),
            ('kg', 'Kilograms', 'किलोग्राम', 'কিলোগ্রাম', 'కిలోగ్రాములు'),
            ('g', 'Grams', 'ग्राम', 'গ্রাম', 'గ్రాములు'),
            ('t', 'Tonnes', 'टन', 'টন', 'టన్నులు'),
            ('m', 'Metres', 'मीटर', 'মিটার', 'మీటర్లు'),
            ('mm', 'Millimetres', 'मिलीमीटर', 'মিলিমিটার', 'మిల్లీమీటర్లు'),
            ('m2', 'Square metres', 'वर्ग मीटर', 'বর্গমিটার', 'చదరపు మీటర్లు'),
            ('l', 'Litres', 'लीटर', 'লিটার', 'లీటర్లు'),
            ('ml', 'Millilitres', 'मिलीलीटर', 'মিলিলিটার', 'మిల్లీలీటర్లు'),
            ('h', 'Hours', 'घंटे', 'ঘণ্টা', 'గంటలు'))
         as s(code, en, hi, bn, te)
    where u.tenant_id = tenant and u.unit = s.code and u.name = s.en
      and u.names in (jsonb_build_object('en', s.en), jsonb_build_object('hi', s.en),
                      jsonb_build_object('bn', s.en), jsonb_build_object('te', s.en));
    update currencies u
    set names = jsonb_build_object('en', s.en, 'hi', s.hi, 'bn', s.bn, 'te', s.te)
    from (values
            ('INR', 'Indian rupee', 'भारतीय रुपया', 'ভারতীয় টাকা', 'భారత రూపాయి'),
            ('USD', 'US dollar', 'अमेरिकी डॉलर', 'মার্কিন ডলার', 'అమెరికా డాలర్'),
            ('EUR', 'Euro', 'यूरो', 'ইউরো', 'యూరో'))
         as s(code, en, hi, bn, te)
    where u.tenant_id = tenant and u.currency = s.code and u.name = s.en
      and u.names in (jsonb_build_object('en', s.en), jsonb_build_object('hi', s.en),
                      jsonb_build_object('bn', s.en), jsonb_build_object('te', s.en));
    update tax_rates u
    set names = jsonb_build_object('en', s.en, 'hi', s.hi, 'bn', s.bn, 'te', s.te)
    from (values
            ('GST-0', 'GST 0 %', 'जीएसटी 0 %', 'জিএসটি 0 %', 'జీఎస్టీ 0 %'),
            ('GST-5', 'GST 5 %', 'जीएसटी 5 %', 'জিএসটি 5 %', 'జీఎస్టీ 5 %'),
            ('GST-18', 'GST 18 %', 'जीएसटी 18 %', 'জিএসটি 18 %', 'జీఎస్టీ 18 %'),
            ('GST-40', 'GST 40 %', 'जीएसटी 40 %', 'জিএসটি 40 %', 'జీఎస్టీ 40 %'),
            ('EXEMPT', 'Exempt', 'करमुक्त', 'করমুক্ত', 'పన్ను మినహాయింపు'))
         as s(code, en, hi, bn, te)
    where u.tenant_id = tenant and u.tax_rate = s.code and u.name = s.en
      and u.names in (jsonb_build_object('en', s.en), jsonb_build_object('hi', s.en),
                      jsonb_build_object('bn', s.en), jsonb_build_object('te', s.en));
    update retention_rules u
    set names = jsonb_build_object('en', s.en, 'hi', s.hi, 'bn', s.bn, 'te', s.te)
    from (values
            ('operator', 'Employment and production records', 'रोज़गार और उत्पादन के अभिलेख',
             'চাকরি ও উৎপাদনের নথি', 'ఉద్యోగ, ఉత్పత్తి రికార్డులు'))
         as s(code, en, hi, bn, te)
    where u.tenant_id = tenant and u.person_kind = s.code and u.name = s.en
      and u.names in (jsonb_build_object('en', s.en), jsonb_build_object('hi', s.en),
                      jsonb_build_object('bn', s.en), jsonb_build_object('te', s.en));
end;
revoke execute on function app.begin_names(uuid) from public;
grant execute on function app.begin_names(uuid) to tracewright_app, tracewright_system;

do $$
declare
    t uuid;
begin
    for t in select tenant_id from control.tenants loop
        perform set_config('app.tenant_id', t::text, true);
        perform app.begin_names(t);
    end loop;
    perform set_config('app.tenant_id', '', true);
end $$;
