-- What a field of a master is at one plant is shown to whose rights reach there.

call app.protect_plant('plant_values');
