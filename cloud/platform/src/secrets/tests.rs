use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

#[test]
fn only_the_same_tenant_and_field_open_a_seal() {
    let secrets = Secrets::passing().unwrap();
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let sealed = secrets.seal(one, "totp", b"secret").unwrap();
    assert_ne!(sealed, secrets.seal(one, "totp", b"secret").unwrap());
    assert_eq!(secrets.open(one, "totp", &sealed).unwrap(), b"secret");
    assert!(matches!(secrets.open(two, "totp", &sealed), Err(SecretError::Broken)));
    assert!(matches!(secrets.open(one, "webhook", &sealed), Err(SecretError::Broken)));
    assert!(Secrets::passing().unwrap().open(one, "totp", &sealed).is_err(), "another key of that name");
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(secrets.open(one, "totp", &damaged).is_err(), "byte {at}");
    }
    assert!(secrets.open(one, "totp", &[]).is_err());
    assert!(matches!(Secrets::none().seal(one, "totp", b""), Err(SecretError::NoKeys)));
}

#[test]
fn keys_rotate_and_another_process_hears_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let tenant = Uuid::now_v7();
    let (mine, others) = (Secrets::load_or_create(&path).unwrap(), Secrets::load_or_create(&path).unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let old = mine.seal(tenant, "f", b"old").unwrap();
    assert_eq!(mine.reseal(tenant, "f", &old).unwrap(), None);
    assert_eq!(mine.add_key().unwrap(), "k2");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    let new = mine.seal(tenant, "f", b"new").unwrap();
    assert_eq!(others.open(tenant, "f", &new).unwrap(), b"new");
    let again = others.reseal(tenant, "f", &old).unwrap().unwrap();
    assert_eq!(parts(&again).unwrap().0, "k2");
    assert_eq!(mine.open(tenant, "f", &again).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    // The old key taken out: what it sealed says which one is missing.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.lines().nth(1).unwrap()).unwrap();
    let without = Secrets::load_or_create(&path).unwrap();
    assert!(matches!(without.open(tenant, "f", &old), Err(SecretError::UnknownKey(name)) if name == "k1"));
    assert_eq!(without.add_key().unwrap(), "k3");
}

#[test]
fn a_key_that_another_process_adds_is_at_once_the_one_that_seals() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let tenant = Uuid::now_v7();
    let (server, command) =
        (Secrets::load_or_create(&path).unwrap(), Secrets::load_or_create(&path).unwrap());
    let key_of = |sealed: &[u8]| parts(sealed).unwrap().0.to_owned();
    let before = server.blind(tenant, "pan", b"ABCDE1234F").unwrap();
    let old = server.seal(tenant, "pan", b"ABCDE1234F").unwrap();
    assert_eq!((before.len(), key_of(&old).as_str()), (1, "k1"));

    // The command rotates, and writes each row anew. The server has opened nothing
    // since, and yet finds what the command wrote, and seals as it does.
    command.add_key().unwrap();
    let row = command.blind(tenant, "pan", b"ABCDE1234F").unwrap().remove(0);
    let sought = server.blind(tenant, "pan", b"ABCDE1234F").unwrap();
    assert_eq!((&sought[0], &sought[1]), (&row, &before[0]));
    assert_eq!(key_of(&server.seal(tenant, "pan", b"new").unwrap()), "k2");
    // Each of the three ways looks for itself.
    for (name, way) in [("k3", 0), ("k4", 1), ("k5", 2)] {
        assert_eq!(command.add_key().unwrap(), name);
        let sealed = match way {
            0 => server.seal(tenant, "pan", b"x").unwrap(),
            1 => server.reseal(tenant, "pan", &old).unwrap().unwrap(),
            _ => {
                assert_eq!(server.blind(tenant, "pan", b"x").unwrap().len(), 5);
                server.seal(tenant, "pan", b"x").unwrap()
            }
        };
        assert_eq!(key_of(&sealed), name);
    }

    // A file that somebody spoils or takes away stops nothing, and is used again once
    // it is right.
    let text = std::fs::read_to_string(&path).unwrap();
    crate::private_file::replace(&path, "k9").unwrap();
    assert_eq!(key_of(&server.seal(tenant, "pan", b"x").unwrap()), "k5");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(key_of(&server.seal(tenant, "pan", b"x").unwrap()), "k5");
    crate::private_file::create(&path, &text).unwrap();
    command.add_key().unwrap();
    assert_eq!(key_of(&server.seal(tenant, "pan", b"x").unwrap()), "k6");
}

#[test]
fn a_file_that_is_open_or_something_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    for text in ["", "k1", "k1:short", "k 1:AAAA", "k1:AAAA\nk1:AAAA"] {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Secrets::load_or_create(&path), Err(SecretError::Form)), "{text}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Secrets::load_or_create(&path), Err(SecretError::Open { mode: 0o640, .. })));
    let keys = ["a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()];
    let given = Secrets::from_keys(&keys).unwrap();
    let sealed = given.seal(Uuid::nil(), "f", b"x").unwrap();
    assert_eq!(Secrets::from_keys(&keys).unwrap().open(Uuid::nil(), "f", &sealed).unwrap(), b"x");
    assert!(matches!(Secrets::from_keys(&[]), Err(SecretError::NoKeys)));
    assert!(given.add_key().is_err());
}

#[test]
fn equal_values_are_found_without_opening_them() {
    let secrets = Secrets::passing().unwrap();
    let (a, b) = (Uuid::now_v7(), Uuid::now_v7());
    let of = |tenant, field: &str, plain: &str| secrets.blind(tenant, field, plain.as_bytes()).unwrap();
    assert_eq!(of(a, "pan", "ABCDE1234F"), of(a, "pan", "ABCDE1234F"));
    assert_ne!(of(a, "pan", "ABCDE1234F"), of(a, "pan", "ABCDE1234G"));
    assert_ne!(of(a, "pan", "ABCDE1234F"), of(b, "pan", "ABCDE1234F"));
    assert_ne!(of(a, "pan", "x"), of(a, "pa", "nx"));
    let dir = tempfile::tempdir().unwrap();
    let kept = Secrets::load_or_create(&dir.path().join(FILE)).unwrap();
    let before = kept.blind(a, "pan", b"x").unwrap();
    kept.add_key().unwrap();
    let after = kept.blind(a, "pan", b"x").unwrap();
    assert_eq!((after.len(), &after[1]), (2, &before[0]), "what an old key wrote is found");
    assert!(Secrets::none().blind(a, "pan", b"x").is_err());
}
