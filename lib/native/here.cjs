// The only source file in CommonJS: the sources are ES modules and the package is CommonJS, and both can get their
// location from this file. Each entry of the package loads it first, and it must not require anything: esbuild's
// bundles of ES modules have no `require` for the other files.
exports.BUNDLED =
  "libtorch-rnn was bundled into this program, away from its compiled addon: keep it external, such as with external: ['libtorch-rnn'] in esbuild (for other bundlers: docs/installation.md)"

// In a bundle of ES modules, a file has no location.
if (typeof __dirname !== 'string') throw Object.assign(new Error(exports.BUNDLED), { code: 'ERR_TORCH_LIBTORCH' })
exports.HERE = __dirname
