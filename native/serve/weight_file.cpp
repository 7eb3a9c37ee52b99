#include "serve/weight_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#ifndef _WIN32
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace rnn::serve {
namespace {

constexpr int64_t kAlignment = 64;

struct Header {
  // With the version of the layout, which includes that of the packed weights.
  std::array<char, 8> magic{'R', 'N', 'N', 'W', '0', '0', '0', '1'};
  // Of the whole file.
  int64_t bytes = 0;
  uint64_t checksum = 0;
  std::array<char, kAlignment - 24> padding{};
};
static_assert(sizeof(Header) == kAlignment);

int64_t padded(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }
int64_t bytes_of(const Floats& floats) { return floats.size() * static_cast<int64_t>(sizeof(float)); }

// In the order in which the constructors take them.
std::vector<const Floats*> parts_of(const Model& model) {
  std::vector<const Floats*> parts;
  const auto add = [&](const Floats& part) {
    if (part.size() > 0) parts.push_back(&part);
  };
  for (const auto& weights : model.network) {
    add(weights->panels);
    add(weights->start);
    add(weights->projection);
  }
  add(model.around->embedding);
  add(model.around->head);
  add(model.around->bias);
  return parts;
}

Header header_of(const Model& model) {
  Header header;
  header.bytes = sizeof(Header);
  for (const Floats* part : parts_of(model)) {
    header.bytes += padded(bytes_of(*part));
    header.checksum = header.checksum * 31 + model.kernels.fingerprint(part->data(), bytes_of(*part));
  }
  return header;
}

#ifndef _WIN32

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void write_all(int file, const void* data, int64_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = write(file, from, static_cast<size_t>(bytes));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write");
    from += written;
    bytes -= written;
  }
}

class Mapping {
 public:
  explicit Mapping(int file) {
    struct stat status{};
    if (fstat(file, &status) != 0) fail("fstat");
    bytes_ = static_cast<int64_t>(status.st_size);
    if (bytes_ < static_cast<int64_t>(sizeof(Header))) throw DamagedFile("it is too small");
    data_ = mmap(nullptr, static_cast<size_t>(bytes_), PROT_READ, MAP_SHARED, file, 0);
    if (data_ == MAP_FAILED) fail("mmap");
  }
  ~Mapping() { munmap(data_, static_cast<size_t>(bytes_)); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  int64_t bytes() const { return bytes_; }
  Header header() const {
    Header header;
    std::memcpy(&header, data_, sizeof(Header));
    return header;
  }
  // The next part. Nothing writes to it: the weights of a model are const.
  Floats take(int64_t size) {
    const int64_t bytes = size * static_cast<int64_t>(sizeof(float));
    if (bytes > bytes_ - place_) throw DamagedFile("it has other sizes");
    float* part = reinterpret_cast<float*>(static_cast<char*>(data_) + place_);
    place_ += padded(bytes);
    return Floats::view(part, size);
  }

 private:
  void* data_ = nullptr;
  int64_t bytes_ = 0;
  int64_t place_ = sizeof(Header);
};

#endif

}  // namespace

#ifdef _WIN32

bool can_map() { return false; }
void write_weights(const Model&, int) { throw std::runtime_error("files are not mapped on Windows"); }
std::shared_ptr<const Model> map_weights(Model, WeightType, const ModelShape&, int) {
  throw std::runtime_error("files are not mapped on Windows");
}

#else

bool can_map() { return true; }

void write_weights(const Model& model, int file) {
  const Header header = header_of(model);
  write_all(file, &header, sizeof(Header));
  constexpr std::array<char, kAlignment> kZeros{};
  for (const Floats* part : parts_of(model)) {
    write_all(file, part->data(), bytes_of(*part));
    write_all(file, kZeros.data(), padded(bytes_of(*part)) - bytes_of(*part));
  }
}

std::shared_ptr<const Model> map_weights(Model model, WeightType type, const ModelShape& around, int file) {
  const auto mapping = std::make_shared<Mapping>(file);
  const auto take = [&](int64_t size) { return mapping->take(size); };
  for (int64_t index = 0; index < model.layers; index++) {
    for (int64_t d = 0; d < model.directions; d++) {
      model.network.push_back(
          std::make_shared<const ForwardWeights>(model.kernels, model.layer(index), type, TakeFloats(take)));
    }
  }
  model.around = std::make_shared<const ModelWeights>(model.kernels, around, TakeFloats(take));
  model.memory = mapping;
  const Header found = mapping->header();
  if (found.magic != Header{}.magic) throw DamagedFile("it is of another version");
  if (found.bytes != mapping->bytes()) throw DamagedFile("its size is not that of its header");
  const Header expected = header_of(model);
  if (found.bytes != expected.bytes) throw DamagedFile("it has other sizes");
  if (found.checksum != expected.checksum) throw DamagedFile("its checksum is wrong");
  return std::make_shared<const Model>(std::move(model));
}

#endif

}  // namespace rnn::serve
