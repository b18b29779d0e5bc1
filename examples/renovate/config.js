// Renovate's own config, for those who host it: RENOVATE_CONFIG_FILE names this file.
// The token is asked for at the start of each run and is in Renovate's memory only, which masks it in its logs.
const { execFileSync } = require("node:child_process");

const index = "sparse+https://crates.example.com/index/";
const token = execFileSync("cargo-credential-bridge", ["get", index], { encoding: "utf8" }).trim();

// `cargo update` gets PATH, HOME and the proxies from Renovate, and nothing else: not who this job is.
const identity = ["CARGO_HOME", "RUSTUP_HOME", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

module.exports = {
  hostRules: [{ hostType: "crate", matchHost: new URL(index.replace("sparse+", "")).origin, authType: "Token-Only", token }],
  customEnvVariables: Object.fromEntries(identity.filter((name) => process.env[name]).map((name) => [name, process.env[name]])),
};
