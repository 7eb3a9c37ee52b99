#pragma once
#include <c10/core/Stream.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/cuda.h"

namespace rnn::runtime {

// Waits until the device has done all that it was given. Not while a graph is being captured: CUDA would drop it.
void synchronize_device(c10::DeviceIndex device);

// Captures CUDA graphs on the thread of a lane, on a stream beside the one that the thread uses otherwise. The thread
// has it to itself: LibTorch keeps the current stream per thread, gives the nodes of autograd the stream of their
// forward pass, and takes memory for a capture from the graph's own pool.
class GraphCapture {
 public:
  GraphCapture() = default;
  ~GraphCapture() { abandon(); }
  GraphCapture(const GraphCapture&) = delete;
  GraphCapture& operator=(const GraphCapture&) = delete;

  bool capturing() const { return session_.has_value(); }
  void begin(std::shared_ptr<CudaGraph> graph);
  // Throws where the capture is no good. Does nothing where it has not begun.
  void end();
  // Ends a capture of which nothing is wanted.
  void abandon() noexcept;

 private:
  struct Session {
    // CUDA forbids too much to one capture for the sake of another.
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
