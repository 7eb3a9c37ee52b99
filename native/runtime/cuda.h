#pragma once
#include <c10/core/Device.h>
#include <node_api.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace rnn::runtime {

struct CudaProperties {
  std::string name;
  // The compute capability.
  int major;
  int minor;
  int64_t total_memory;
  int multi_processors;
};

// Work for a CUDA device that is captured once and launched as a whole. Each object captures only once.
class CudaGraph {
 public:
  // Graphs with the same pool share their memory.
  using Pool = std::pair<unsigned long long, unsigned long long>;

  virtual ~CudaGraph() = default;
  // From here on, work on the current stream of this thread is captured instead of run.
  virtual void begin() = 0;
  // Must be called on the thread and stream of `begin`. The capture has ended even if it throws.
  virtual void end() = 0;
  virtual void replay() = 0;
  virtual Pool pool() const = 0;
};

// Functions that need CUDA's own classes. native/cuda implements them in a separate library, so that this one loads
// without CUDA.
class CudaLibrary {
 public:
  virtual ~CudaLibrary() = default;
  virtual CudaProperties properties(c10::DeviceIndex device) const = 0;
  // `shared` is a graph whose pool the new one uses, or null.
  virtual std::unique_ptr<CudaGraph> graph(const CudaGraph* shared) const = 0;
};

// The tag of the object in which one library passes the other a CudaLibrary. Change it whenever these classes change.
constexpr napi_type_tag kCudaLibraryTag = {0x6c696274'6f726368, 0x2d726e6e'00000001};

}  // namespace rnn::runtime
