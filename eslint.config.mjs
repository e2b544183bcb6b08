import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["**/dist/**", "**/node_modules/**", "coverage/**"] },
  ...tseslint.configs.strictTypeChecked,
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
