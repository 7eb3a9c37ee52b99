#include "runtime/cuda.h"

#include <ATen/Context.h>

#include "binding/addon.h"
#include "binding/convert.h"
#include "binding/handle.h"
#include "binding/offload.h"
#include "runtime/tensors.h"

namespace rnn::binding {
namespace {

// A graph as seen by JavaScript: empty, or with a captured one. The lane and the JavaScript thread use it in turns.
struct CapturedGraph {
  std::shared_ptr<CudaGraph> graph;
  // The capture has been completed.
  bool complete = false;
};
using CapturedGraphPtr = std::shared_ptr<CapturedGraph>;

}  // namespace

template <>
struct HandleType<CapturedGraphPtr> {
  static constexpr const char* kName = "CUDA graph";
  static constexpr napi_type_tag kTag = {0x8e20b4d15c697fa3, 0x35f1c86e0a9d724b};
};

namespace {

const CudaLibrary& library_of(const Addon& addon) {
  TORCH_CHECK(addon.cuda != nullptr, "the CUDA addon is not loaded");
  return *addon.cuda;
}

// connectCuda(library): stores the function table of the CUDA addon
Napi::Value connect_cuda(const Napi::CallbackInfo& info) {
  const auto table = info[0].As<Napi::External<CudaLibrary>>();
  TORCH_CHECK_TYPE(info[0].IsExternal() && table.CheckTypeTag(&kCudaLibraryTag),
                   "the CUDA addon is of another version than the main one");
  Addon::of(info.Env()).cuda = table.Data();
  return info.Env().Undefined();
}

// cudaProperties(device) -> { name, major, minor, totalMemory, multiProcessorCount }
Napi::Value cuda_properties(const Napi::CallbackInfo& info) {
  const auto device = static_cast<c10::DeviceIndex>(to_int(info[0], "device"));
  const CudaProperties properties = library_of(Addon::of(info.Env())).properties(device);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("name", properties.name);
  result.Set("major", properties.major);
  result.Set("minor", properties.minor);
  result.Set("totalMemory", static_cast<double>(properties.total_memory));
  result.Set("multiProcessorCount", properties.multi_processors);
  return result;
}

CapturedGraphPtr graph_of(Napi::Value value) { return object_of<CapturedGraphPtr>(value); }

// cudaGraph() -> an empty graph
Napi::Value cuda_graph(const Napi::CallbackInfo& info) {
  library_of(Addon::of(info.Env()));
  at::globalContext().lazyInitDevice(at::kCUDA);
  return make_handle(info.Env(), std::make_unique<CapturedGraphPtr>(std::make_shared<CapturedGraph>()));
}

// beginGraph(graph, graph whose memory it shares or null): operations queued from here on are captured instead of run
Napi::Value begin_graph(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  TORCH_CHECK(addon.queueing, "a graph is captured by the lane only");
  const CapturedGraphPtr captured = graph_of(info[0]);
  const CapturedGraphPtr shared = info[1].IsNull() ? nullptr : graph_of(info[1]);
  addon.dispatch_void(Effects::all(), [captured, shared, &lane = addon.offload->lane(), &library = library_of(addon)] {
    TORCH_CHECK(!captured->graph,
                "This CUDAGraph instance already owns a captured graph. To capture a new graph, create a new instance, "
                "or call reset().");
    TORCH_CHECK_VALUE(!shared || shared->complete, "the CUDAGraph whose pool is to be shared has not been captured");
    std::shared_ptr<CudaGraph> graph = library.graph(shared ? shared->graph.get() : nullptr);
    lane.begin_graph(graph);
    captured->graph = std::move(graph);
  });
  return info.Env().Undefined();
}

// endGraph(graph, failed): always ends the capture that beginGraph started; with `failed`, discards it
Napi::Value end_graph(const Napi::CallbackInfo& info) {
  Addon& addon = Addon::of(info.Env());
  TORCH_CHECK(addon.queueing, "a graph is captured by the lane only");
  Lane& lane = addon.offload->lane();
  auto end = [captured = graph_of(info[0]), failed = info[1].ToBoolean().Value(), batch = addon.queueing, &lane] {
    // An existing captured graph is unchanged if a second capture was refused.
    if (!lane.captures_graph()) return;
    try {
      lane.end_graph();
      captured->complete = !batch->error && !failed;
    } catch (...) {
      // The original error is more informative than the failure to end the capture.
      if (!batch->error) batch->error = std::current_exception();
    }
    if (!captured->complete) captured->graph = nullptr;
  };
  // Not posted as work, which would be skipped after a failure.
  addon.offload->post({.batch = addon.queueing, .effects = Effects::all(), .done = std::move(end)});
  return info.Env().Undefined();
}

// replayGraph(graph)
Napi::Value replay_graph(const Napi::CallbackInfo& info) {
  Addon::of(info.Env()).dispatch_void(Effects::all(), [captured = graph_of(info[0])] {
    TORCH_CHECK(captured->complete, "Called CUDAGraph::replay without a preceding successful capture.");
    captured->graph->replay();
  });
  return info.Env().Undefined();
}

// resetGraph(graph): discards the captured graph, and frees its memory unless a tensor still uses it
Napi::Value reset_graph(const Napi::CallbackInfo& info) {
  Addon::of(info.Env()).dispatch_void(Effects::all(), [captured = graph_of(info[0])] {
    captured->complete = false;
    captured->graph = nullptr;
  });
  return info.Env().Undefined();
}

}  // namespace

void init_graph(Napi::Object exports) {
  define<connect_cuda>(exports, "connectCuda");
  define<cuda_properties>(exports, "cudaProperties");
  define<cuda_graph>(exports, "cudaGraph");
  define<begin_graph>(exports, "beginGraph");
  define<end_graph>(exports, "endGraph");
  define<replay_graph>(exports, "replayGraph");
  define<reset_graph>(exports, "resetGraph");
}

}  // namespace rnn::binding
