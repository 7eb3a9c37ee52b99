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

// Work of a CUDA device that was captured once and is launched as a whole. One capture each.
class CudaGraph {
 public:
  // Graphs with the same pool have the same memory to work in.
  using Pool = std::pair<unsigned long long, unsigned long long>;

  virtual ~CudaGraph() = default;
  // From here on what the current stream of this thread is given is captured, and does not run.
  virtual void begin() = 0;
  // On the thread and the stream of `begin`. Also where it throws the capture has ended.
  virtual void end() = 0;
  virtual void replay() = 0;
  virtual Pool pool() const = 0;
};

// What needs CUDA's own classes. native/cuda implements it, in a library of its own: this one loads without CUDA.
class CudaLibrary {
 public:
  virtual ~CudaLibrary() = default;
  virtual CudaProperties properties(c10::DeviceIndex device) const = 0;
  // `shared` is a graph whose pool the new one takes, or null.
  virtual std::unique_ptr<CudaGraph> graph(const CudaGraph* shared) const = 0;
};

// Marks the object in which one library hands the other a CudaLibrary. Changed with these classes.
constexpr napi_type_tag kCudaLibraryTag = {0x6c696274'6f726368, 0x2d726e6e'00000001};

}  // namespace rnn::runtime
