/**
 * The package for `import`: the very module that `require` gets, so that there is only one of everything.
 *
 * @module
 */
export * from './index.js';
