#include "runtime/graph_capture.h"

#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "runtime/mode.h"

namespace rnn::runtime {
namespace {

using Guard = c10::impl::VirtualGuardImpl;

constexpr c10::DeviceType kCuda = c10::DeviceType::CUDA;

// Of all lanes: whoever captures has the devices to itself.
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
  // As torch.cuda.graph does: what the capture uses has been computed, and there is room for it.
  guard.synchronizeDevice(device.index());
  c10::getDeviceAllocator(kCuda)->emptyCache();
  // Casts of before would not be made anew with each replay.
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
  // Moved out: the session is over, whatever is thrown.
  const Session session = std::move(*std::exchange(session_, std::nullopt));
  const c10::DeviceGuard device(session.device);
  // Those of the capture hold values during a replay only.
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
    // Nobody wants to know.
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
