//! What is not wrong with a plant file and may still surprise whoever works there.

use super::model::{PlantFile, StationKind};

/// Sentences, each with what to do about it; none where there is nothing to say.
#[must_use]
pub fn cautions(plant: &PlantFile) -> Vec<String> {
    let mut found = Vec::new();
    if !plant.stations.iter().any(|station| station.kind == StationKind::Hold) {
        found.push(
            "no station has the kind \"hold\": nobody can place a hold by hand or release one here, and a label of which \
             the disk lost what was known of it can only be let through scan by scan by a supervisor; add a \
             station with kind = \"hold\", on any screen with a keyboard"
                .to_owned(),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_plant_without_a_station_for_holds_is_told_what_to_do() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plant-configs");
        let mut plant = crate::config::load(&folder.join("kolkata.toml")).unwrap();
        let Some(station) = plant.stations.first_mut() else { panic!("no station") };
        station.kind = StationKind::Hold;
        assert_eq!(cautions(&plant), [""; 0]);
        plant.stations.retain(|station| station.kind != StationKind::Hold);
        let told = cautions(&plant);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("add a station with kind = \"hold\""), "{told:?}");
    }
}
