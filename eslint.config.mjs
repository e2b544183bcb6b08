import { defineConfig } from "eslint/config";
import { createNodeResolver, importX } from "eslint-plugin-import-x";
import tseslint from "typescript-eslint";

/** The layers of provider/, from the bottom up. A layer imports nothing from those above it. */
const layers = ["api", "access", "resource"];
const entryPoints = ["dynamic", "native", "cli"];
const zones = [
  ...layers.map((layer, height) => ({
    target: `./provider/${layer}`,
    from: [...layers.slice(height + 1), ...entryPoints].map((above) => `./provider/${above}`),
    message: `${layer}/ is a layer below it.`,
  })),
  ...entryPoints.map((entryPoint) => ({
    target: `./provider/${entryPoint}`,
    from: entryPoints.filter((other) => other !== entryPoint).map((other) => `./provider/${other}`),
    message: "Entry points must not import each other.",
  })),
  {
    target: [
      "./provider/settings.ts",
      "./provider/config.ts",
      "./provider/config-keys.ts",
      "./provider/clock.ts",
      "./provider/engine.ts",
    ],
    from: [...layers, ...entryPoints].map((folder) => `./provider/${folder}`),
    message: "All layers are above it.",
  },
  {
    target: "./provider/messages.ts",
    from: ["access", "resource", ...entryPoints].map((folder) => `./provider/${folder}`),
    message: "They use it.",
  },
];

export default defineConfig(
  { ignores: ["**/dist/**", "**/node_modules/**", "coverage/**", "examples/native/**", "**/.mocharc.cjs"] },
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
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ["eslint.config.mjs"],
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
  {
    files: ["**/*.cjs"],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
);
