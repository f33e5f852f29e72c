"""May an answer be believed? Calibration and novelty."""
