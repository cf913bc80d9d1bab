import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  { ignores: ['dist/', 'node_modules/', 'coverage/', '.results/', 'docs/api/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // Prompts to think, not law: an exception is one disabling comment with its reason.
      complexity: ['error', 15],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // Flat loops over typed arrays: the bounds are asserted at the door, not at each index.
    files: [
      'src/microkernel/bytes.ts',
      'src/microkernel/page-cache.ts',
      'src/microkernel/pat.ts',
      'src/microkernel/chunked-array.ts',
      'src/microkernel/number-map.ts',
      'src/microkernel/undo-list.ts',
      'src/microkernel/trees/b-tree.ts',
      'src/microkernel/trees/index-page.ts',
    ],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'max-lines-per-function': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    // Loaded as it stands by other people's harnesses, so plain JavaScript.
    files: ['bench/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      globals: { Buffer: 'readonly', process: 'readonly' },
      parserOptions: { projectService: false },
    },
  },
  { files: ['bin/**', 'scripts/**'], rules: { 'no-console': 'off' } },
);
