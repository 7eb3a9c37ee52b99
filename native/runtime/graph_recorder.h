#pragma once
#include <c10/core/Stream.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/cuda.h"

namespace rnn::runtime {

// Waits until the device has done all that it was given. Not while a graph is being recorded: CUDA would drop it.
void synchronize_device(c10::DeviceIndex device);

// Records CUDA graphs on the thread of a lane, on a stream beside the one that the thread uses otherwise. The thread
// has it to itself: LibTorch keeps the current stream per thread, gives the nodes of autograd the stream of their
// forward pass, and takes memory for a recording from the graph's own pool.
class GraphRecorder {
 public:
  GraphRecorder() = default;
  ~GraphRecorder() { abandon(); }
  GraphRecorder(const GraphRecorder&) = delete;
  GraphRecorder& operator=(const GraphRecorder&) = delete;

  bool recording() const { return session_.has_value(); }
  void begin(std::shared_ptr<CudaGraph> graph);
  // Throws where the recording is no good. Does nothing where it has not begun.
  void end();
  // Ends a recording of which nothing is wanted.
  void abandon() noexcept;

 private:
  struct Session {
    // CUDA forbids too much to one recording for the sake of another.
    std::unique_lock<std::mutex> alone;
    std::shared_ptr<CudaGraph> graph;
    c10::Device device;
    c10::Stream before;
  };

  c10::Stream side_stream(c10::Device device);

  std::map<c10::DeviceIndex, c10::Stream> streams_;
  std::optional<Session> session_;
};

}  // namespace rnn::runtime
