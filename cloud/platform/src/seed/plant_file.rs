//! What the seeder needs of a plant file: who the plant is and which document
//! series its stations give. The rest is the agent's, and checked by it.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{At, Basis, Once, Section, SourceFile, rules};

/// What could be read of a plant file.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    /// The tenant's code, if that is well formed.
    pub tenant: Option<String>,
    /// The plant's code, if that is well formed.
    pub plant: Option<String>,
    /// None, or noted mistakes, if something is wrong with it.
    pub file: Option<PlantFile>,
}

/// The identity of a plant.
#[derive(Debug, Clone)]
pub(super) struct PlantFile {
    pub tenant: At<String>,
    pub tenant_name: At<String>,
    pub tenant_slug: Option<At<String>>,
    pub company: At<String>,
    pub company_name: At<String>,
    pub plant: At<String>,
    pub plant_name: String,
    pub plant_slug: Option<String>,
    pub time_zone: String,
    pub languages: Vec<String>,
    /// Series that the stations use, such as `GRN`.
    pub series: BTreeSet<String>,
}

/// Reads the identity.
pub(super) fn read(file: &SourceFile) -> Read {
    let mut read = Read::default();
    read.file = identity(file, &mut read);
    read
}

fn identity(file: &SourceFile, read: &mut Read) -> Option<PlantFile> {
    let document = file.document()?;
    let mut root = Section::root(document.as_table(), file);
    let tenant = root.required_section("tenant").map(|mut s| {
        let code = s.required("code", rules::tenant_code());
        read.tenant = code.as_ref().map(|code| code.value.clone());
        let name = s.required("name", rules::text());
        let slug = s.optional("id", rules::text());
        s.finish();
        (code, name, slug)
    });
    let company = root.required_section("company").map(|mut s| {
        let code = s.required("code", rules::code());
        let name = s.required("name", rules::text());
        s.finish();
        (code, name)
    });
    let plant = root.required_section("plant").map(|mut s| {
        let code = s.required("code", rules::plant_code());
        read.plant = code.as_ref().map(|code| code.value.clone());
        let name = s.required("name", rules::text());
        let slug = s.optional("id", rules::text());
        let time_zone = s.required("time_zone", rules::time_zone());
        let languages = languages(&mut s);
        s.finish();
        (code, name, slug, time_zone, languages)
    });
    let stations = root.sections("stations");
    let series = stations
        .into_iter()
        .filter_map(|mut s| s.optional("series", rules::series()))
        .map(|series| series.value)
        .collect();

    let (tenant, tenant_name, tenant_slug) = tenant?;
    let (company, company_name) = company?;
    let (plant, plant_name, plant_slug, time_zone, languages) = plant?;
    Some(PlantFile {
        tenant: tenant?,
        tenant_name: tenant_name?,
        tenant_slug,
        company: company?,
        company_name: company_name?,
        plant: plant?,
        plant_name: plant_name?.value,
        plant_slug: plant_slug.map(|slug| slug.value),
        time_zone: time_zone?.value,
        languages,
        series,
    })
}

fn languages(s: &mut Section<'_>) -> Vec<String> {
    let expected = "a list of en, hi, bn, te, the default one first";
    let read = s.list("languages", rules::one_of(&rules::LANGUAGES));
    if !s.has("languages") {
        s.missing("languages", expected);
    } else if s.is_empty_list("languages") {
        s.wrong("languages", expected, None);
    }
    let mut once = Once::default();
    for language in &read {
        once.check(s.file(), "language", &language.value, &language.place);
    }
    read.into_iter().map(|language| language.value).collect()
}

/// Compares the files with each other: a tenant or company has one name, and a
/// plant one file.
pub(super) fn compare(files: &[(&SourceFile, &PlantFile)]) {
    let mut names: BTreeMap<(&str, String), &At<String>> = BTreeMap::new();
    let mut plants = BTreeSet::new();
    for (source, file) in files {
        let tenant = &file.tenant.value;
        let mut facts = vec![
            ("name of the tenant", tenant.clone(), &file.tenant_name),
            ("name of the company", format!("{tenant}/{}", file.company.value), &file.company_name),
        ];
        facts.extend(file.tenant_slug.as_ref().map(|slug| ("id of the tenant", tenant.clone(), slug)));
        for (what, key, name) in facts {
            let first = *names.entry((what, key)).or_insert(name);
            if first.value != name.value {
                let expected = format!("the {what} as in the other file, \"{}\"", first.value);
                source.note(Basis::Present, &name.place, expected, None);
            }
        }
        if !plants.insert((tenant, &file.plant.value)) {
            source.note(Basis::Present, &file.plant.place, "one file per plant", None);
        }
    }
}
