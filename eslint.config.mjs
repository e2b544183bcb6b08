import { defineConfig } from "eslint/config";
import { createNodeResolver, importX } from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

/** The floors of provider/, from the bottom up. What stands on one knows nothing of those above it. */
const floors = ["api", "access", "resource"];
const doors = ["program", "host", "plugin", "cli"];
const zones = [
  ...floors.map((floor, height) => ({
    target: `./provider/${floor}`,
    from: [...floors.slice(height + 1), ...doors].map((above) => `./provider/${above}`),
    message: `${floor}/ stands below it.`,
  })),
  ...doors.map((door) => ({
    target: `./provider/${door}`,
    from: doors.filter((other) => other !== door).map((other) => `./provider/${other}`),
    message: "Doors do not know each other.",
  })),
  {
    target: ["./provider/config.ts", "./provider/clock.ts", "./provider/engine.ts"],
    from: [...floors, ...doors].map((folder) => `./provider/${folder}`),
    message: "It stands below all of them.",
  },
];

export default defineConfig(
  { ignores: ["**/dist/**", "**/node_modules/**", "coverage/**", "examples/native/**"] },
  ...tseslint.configs.strictTypeChecked,
  {
    files: ["provider/**/*.ts", "sandbox/**/*.ts"],
    plugins: { "import-x": importX },
    settings: { "import-x/resolver-next": [createNodeResolver({ extensions: [".ts"] })] },
    rules: {
      "import-x/no-cycle": "error",
      "import-x/no-restricted-paths": ["error", { zones }],
    },
  },
  {
    files: ["**/*.cjs"],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: [
            "eslint.config.mjs",
            "test/reporter.cjs",
            "bench/floor.cjs",
            "test/e2e/interruption/note-host.cjs",
            "test/e2e/native-sdk.cjs",
            "sandbox/miniature/defer.cjs",
            "provider/plugin/index.cjs",
            "plugin/index.cjs",
          ],
        },
      },
    },
    rules: {
      // An index that was just checked, and a value that a caller guarantees, are said with "!".
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Pulumi's ResourceProvider asks for methods that return promises.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Chai's assertions are properties.
      "@typescript-eslint/no-unused-expressions": "off",
    },
  },
);
