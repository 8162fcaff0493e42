// The k largest products with each query, and the k largest scores of each column.
#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/register.hpp"
#include "neighbors/neighbors.hpp"

namespace movieembed {
namespace {

// For each query the rows to pass over, ascending.
std::pair<const int64_t*, const int64_t*> checked_exclusion(const py::array& pointers, const py::array& excluded,
                                                            int64_t queries) {
    const int64_t* pp = checked<int64_t>(pointers, "excluded_ptr", {queries + 1});
    const int64_t* pe = checked<int64_t>(excluded, "excluded", {-1});
    const int64_t listed = excluded.shape(0);
    if (pp[0] != 0 || pp[queries] != listed) value_error("excluded_ptr does not fit excluded");
    for (int64_t q = 0; q < queries; ++q)
        if (pp[q + 1] < pp[q] || pp[q + 1] > listed) value_error("excluded_ptr falls at query ", q);
    for (int64_t q = 0; q < queries; ++q)
        for (int64_t e = pp[q]; e < pp[q + 1]; ++e)
            if (e > pp[q] ? pe[e - 1] >= pe[e] : pe[e] < 0)
                value_error("excluded is not strictly ascending from 0 for query ", q);
    return {pp, pe};
}

// Calls kernel(rows, scores) without the GIL, both queries x k, and returns them.
template <class T, class Kernel>
py::tuple best_of(int64_t queries, int64_t k, Kernel kernel) {
    py::array_t<int64_t> rows({queries, k});
    py::array_t<T> scores({queries, k});
    without_gil([&] { kernel(rows.mutable_data(), scores.mutable_data()); });
    return py::make_tuple(rows, scores);
}

py::tuple bind_top_k_products(const py::array& queries, const py::array& items, int64_t k,
                              const py::array& excluded_ptr, const py::array& excluded, int n_threads) {
    check_blas();
    if (k < 1) value_error("k must be at least 1, not ", k);
    return std::visit(
        [&]<class T>(const Tall<const T>& q) {
            const auto of = tall<const T>(items, "items", -1, q.cols);
            if (k > std::max<int64_t>(1, of.rows))
                value_error("k must be at most the number of items, ", of.rows, ", not ", k);
            const auto [pointers, passed] = checked_exclusion(excluded_ptr, excluded, q.rows);
            return best_of<T>(q.rows, k, [&, pp = pointers, pe = passed](int64_t* rows, T* scores) {
                top_k_products(q, of, k, pp, pe, rows, scores, n_threads);
            });
        },
        any_tall(queries, "queries"));
}

py::tuple bind_top_k_columns(const py::array& scores, int64_t k, const py::array& excluded_ptr,
                             const py::array& excluded, const py::object& weights, int n_threads) {
    return std::visit(
        [&]<class T>(const Tall<const T>& of) {
            const T* factors = weights.is_none() ? nullptr : checked<T>(py::array(weights), "weights", {of.rows});
            if (k < 1 || k > std::max<int64_t>(1, of.rows)) value_error("k must be within [1, ", of.rows, "], not ", k);
            const auto [pointers, passed] = checked_exclusion(excluded_ptr, excluded, of.cols);
            return best_of<T>(of.cols, k, [&, pp = pointers, pe = passed](int64_t* rows, T* best) {
                top_k_columns(of, factors, k, pp, pe, rows, best, n_threads);
            });
        },
        any_tall(scores, "scores"));
}

}  // namespace

void register_neighbors(py::module_& m) {
    m.def("top_k_products", &bind_top_k_products,
          "The k items of the largest products with each query: (rows, scores).", py::arg("queries").noconvert(),
          py::arg("items").noconvert(), py::arg("k"), py::arg("excluded_ptr"), py::arg("excluded"),
          py::arg("n_threads") = 0);
    m.def("top_k_columns", &bind_top_k_columns,
          "The k largest of each column, times a weight a row: (rows, scores), both columns x k.",
          py::arg("scores").noconvert(), py::arg("k"), py::arg("excluded_ptr"), py::arg("excluded"),
          py::arg("weights") = py::none(), py::arg("n_threads") = 0);
}

}  // namespace movieembed
