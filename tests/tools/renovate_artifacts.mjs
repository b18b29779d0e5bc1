// What Renovate does to a lock file, by its own code: `renovate_artifacts.mjs RENOVATE CONFIG DIRECTORY VERSION`.
// Its platform for local directories looks updates up and stops there.
import { createRequire } from "node:module";

const [renovate, configFile, localDir, newVersion] = process.argv.slice(2);
const module = (path) => import(`${renovate}/dist/${path}`);
const { GlobalConfig } = await module("config/global.js");
const { setCustomEnv } = await module("util/env.js");
const { updateArtifacts } = await module("modules/manager/cargo/artifacts.js");

const config = createRequire(import.meta.url)(configFile);
GlobalConfig.set({ localDir, binarySource: "global", executionTimeout: 2 });
setCustomEnv(config.customEnvVariables);
const results = await updateArtifacts({
  packageFileName: "Cargo.toml",
  updatedDeps: [{ datasource: "crate", depName: "internal", packageName: "internal", lockedVersion: "1.0.0", newVersion }],
  newPackageFileContent: (await import("node:fs")).readFileSync(`${localDir}/Cargo.toml`, "utf8"),
  config: {},
});
console.log(JSON.stringify(results));
