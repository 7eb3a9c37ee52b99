#pragma once
#include <c10/core/Stream.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "runtime/cuda.h"

namespace rnn::runtime {

// Waits until the device has finished all its work, but not while a graph is being captured, since CUDA would abort the
// capture.
void synchronize_device(c10::DeviceIndex device);

// Captures CUDA graphs on the thread of a lane, on a stream other than the one that the thread normally uses. No other
// thread uses that stream: LibTorch keeps the current stream per thread, runs autograd nodes on the stream of their
// forward pass, and allocates memory for a capture from the graph's own pool.
class GraphCapture {
 public:
  GraphCapture() = default;
  ~GraphCapture() { abandon(); }
  GraphCapture(const GraphCapture&) = delete;
  GraphCapture& operator=(const GraphCapture&) = delete;

  bool capturing() const { return session_.has_value(); }
  void begin(std::shared_ptr<CudaGraph> graph);
  // Throws if the capture is invalid. Does nothing if none has begun.
  void end();
  // Ends a capture and discards it.
  void abandon() noexcept;

 private:
  struct Session {
    // Concurrent captures would restrict each other too much.
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
