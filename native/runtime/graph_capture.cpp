#include "runtime/graph_capture.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "runtime/mode.h"

namespace rnn::runtime {
namespace {

using Guard = c10::impl::VirtualGuardImpl;

constexpr c10::DeviceType kCuda = c10::DeviceType::CUDA;

// Shared by all lanes: only one capture may use the devices at a time.
std::mutex& capture_mutex() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

void synchronize_device(c10::DeviceIndex device) {
  const std::lock_guard alone(capture_mutex());
  Guard(kCuda).synchronizeDevice(device);
}

void GraphCapture::begin(std::shared_ptr<CudaGraph> graph) {
  const Guard guard(kCuda);
  const c10::Device device = guard.getDevice();
  std::unique_lock alone(capture_mutex());
  // As in torch.cuda.graph: make sure that the inputs of the capture have been computed, and free cached memory.
  guard.synchronizeDevice(device.index());
  c10::getDeviceAllocator(kCuda)->emptyCache();
  // Casts cached before the capture would not be computed again at each replay.
  clear_autocast_cache();
  const c10::Stream side = side_stream(device);
  const c10::Stream before = guard.exchangeStream(side);
  session_.emplace(Session{std::move(alone), std::move(graph), device, before});
  try {
    session_->graph->begin();
  } catch (...) {
    guard.exchangeStream(before);
    session_.reset();
    throw;
  }
}

void GraphCapture::end() {
  if (!session_) return;
  // Moved out, so that the session is over even if something throws.
  const Session session = std::move(*std::exchange(session_, std::nullopt));
  const c10::DeviceGuard device(session.device);
  // Casts cached during the capture have values only during a replay.
  clear_autocast_cache();
  const auto restore = [&] { Guard(kCuda).exchangeStream(session.before); };
  try {
    session.graph->end();
  } catch (...) {
    restore();
    throw;
  }
  restore();
}

void GraphCapture::abandon() noexcept {
  try {
    end();
  } catch (...) {
    // The capture is discarded, so its errors do not matter.
  }
}

c10::Stream GraphCapture::side_stream(c10::Device device) {
  const auto found = streams_.find(device.index());
  if (found != streams_.end()) return found->second;
  const c10::Stream stream = Guard(kCuda).getStreamFromGlobalPool(device);
  streams_.emplace(device.index(), stream);
  return stream;
}

}  // namespace rnn::runtime
