#include "binding/streamed_model.h"

namespace rnn::binding {

StreamedModel::StreamedModel(const Addon& addon, Napi::Object model)
    : plan(object_of<ModelPlan>(model.Get("plan"))),
      embedding(addon, model.Get("embedding")),
      head(addon, model.Get("head")),
      pooling(static_cast<Pooling>(model.Get("pooling").ToNumber().Uint32Value())) {}

std::pair<at::Tensor, Tensors> StreamedModel::parameters(const std::string& owner, const Network& net) const {
  Tensors rows = embedding.get();
  const Tensors parameters = head.get();
  for (const Tensors& list : {rows, parameters}) {
    const std::string reason = why_not_packed(list);
    TORCH_CHECK_VALUE(reason.empty(), owner, ": ", reason);
  }
  const int64_t width = net.layer(0).outputs() * net.directions();
  const at::Tensor& weight = parameters.at(0);
  TORCH_CHECK_VALUE(weight.dim() == 2 && weight.size(1) == width, owner, ": the weight of the head has size ",
                    weight.sizes(), ", which does not fit the network's output of ", width);
  TORCH_CHECK_VALUE(parameters.size() < 2 || parameters[1].sizes() == weight.sizes().slice(0, 1), owner,
                    ": the bias of the head has size ", parameters.back().sizes(), ", its weight ", weight.sizes());
  if (rows.empty()) return {at::Tensor(), parameters};
  TORCH_CHECK_VALUE(rows[0].dim() == 2 && rows[0].size(0) > 0 && rows[0].size(1) == net.inputs, owner,
                    ": the embedding has size ", rows[0].sizes(), ", which does not fit the network's input of ",
                    net.inputs);
  return {rows[0], parameters};
}

}  // namespace rnn::binding
