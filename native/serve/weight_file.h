#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "serve/model.h"

// Packed weights in a file that processes map into memory, so that they share its pages: a header, then the parts of
// the model, each from a multiple of 64 bytes on.
namespace rnn::serve {

// The file is not of this model, or damaged.
struct DamagedFile : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Whether this system can map files.
bool can_map();

// Writes the weights to a file that is open for writing, at its position. Throws std::system_error.
void write_weights(const Model& model, int file);

// Maps a file that is open for reading: `shape` has the sizes of the model, without its weights. Compares size and
// checksum. Throws DamagedFile or std::system_error.
std::shared_ptr<const Model> map_weights(Model shape, WeightType type, const ModelShape& around, int file);

}  // namespace rnn::serve
