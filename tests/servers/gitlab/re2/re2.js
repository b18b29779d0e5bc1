// In place of npm's re2, which is fetched from GitHub or built in C++ when it is installed: what `rules:` of our own files
// match by is safe for JavaScript's expressions.
module.exports = RegExp;
