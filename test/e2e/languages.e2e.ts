import { cp, rm } from "node:fs/promises";
import { accessSync, constants } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { expect } from "chai";
import { byNativePlugin } from "./engines";
import { isFull } from "./full";

const languages = { yaml: "yaml", typescript: "nodejs", python: "python", go: "go", java: "java" };

function isOnPath(command: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

byNativePlugin("the native examples", function (createScenario) {
  for (const [language, host] of Object.entries(languages)) {
    it(`the ${language} example grants, previews clean and revokes with the SDK that Pulumi generates`, async function () {
      // The others install their language's packages.
      if (!isOnPath(`pulumi-language-${host}`) || !(isFull || language === "yaml")) this.skip();
      this.timeout(600_000);
      const scenario = await createScenario();
      const { folder } = scenario.project;
      await rm(folder, { recursive: true });
      await cp(join("examples/native", language), folder, { recursive: true });
      await scenario.pulumi("package", "add", resolve("provider/native"));
      await scenario.pulumi("install");

      await scenario.runs("up");
      const example = "ft:gpt-4.1-mini-2025-04-14:acme:support:B7R9VjQd";
      expect(scenario.api.projects(example)).to.deep.equal(["proj_web"]);
      expect(scenario.api.projects(`${example}:ckpt-step-1000`)).to.deep.equal(["proj_analytics", "proj_mobile"]);
      expect((await scenario.runs("preview")).counts).to.deep.equal({ same: 2 });
      await scenario.runs("destroy");
      expect(scenario.api.permissions(example)).to.deep.equal([]);
      expect(scenario.api.permissions(`${example}:ckpt-step-1000`)).to.deep.equal([]);
    });
  }
});
