// The one file that is CommonJS as written: the sources are ES modules and the package is CommonJS, and both can ask this
// one where it lies. Each entry of the package loads it first, and it needs nothing: esbuild's bundles of ES modules have
// no `require` for the others to go on with.
exports.BUNDLED =
  "libtorch-rnn was bundled into this program, away from its compiled addon: keep it external, such as with external: ['libtorch-rnn'] in esbuild (for other bundlers: docs/installation.md)"

// In a bundle of ES modules, a file lies nowhere.
if (typeof __dirname !== 'string') throw Object.assign(new Error(exports.BUNDLED), { code: 'ERR_TORCH_LIBTORCH' })
exports.HERE = __dirname
