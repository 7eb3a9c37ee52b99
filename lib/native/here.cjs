// The one file that is CommonJS as written: the sources are ES modules and the package is CommonJS, and both can ask this
// one where it lies. In a bundle it lies nowhere.
exports.HERE = typeof __dirname === 'string' ? __dirname : ''
