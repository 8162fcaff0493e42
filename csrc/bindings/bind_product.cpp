// L'(L V) - diag(c) V and L'U, of a matrix L that is prepared once.
#include <memory>
#include <utility>

#include "bindings/checked_csr.hpp"
#include "bindings/register.hpp"
#include "product/likes_product.hpp"

namespace movieembed {
namespace {

template <class T, class I>
using Shared = std::shared_ptr<const LikesProduct<T, I>>;
using AnyProduct =
    std::variant<Shared<float, int32_t>, Shared<float, int64_t>, Shared<double, int32_t>, Shared<double, int64_t>>;

// A product of T, which the values have where there are any, and the blocks of `like`.
template <class T, class Stored, class I>
AnyProduct make_product(const CsrView<Stored, I>& l, int n_threads, const AnyProduct* like) {
    CsrView<T, I> view{l.rows, l.cols, l.indptr, l.indices, nullptr};
    if constexpr (std::is_same_v<T, Stored>) view.values = l.values;
    std::shared_ptr<const LikesBlocks<I>> blocks;
    if (like)
        std::visit(
            [&](const auto& other) {
                if constexpr (std::is_same_v<decltype(blocks), std::remove_cvref_t<decltype(other->blocks())>>)
                    blocks = other->blocks();
            },
            *like);
    return std::make_shared<const LikesProduct<T, I>>(view, n_threads, std::move(blocks));
}

class Product {
public:
    Product(const Csr& l, const py::object& dtype, int n_threads, const Product* like) : l_(l) {
        const auto wanted = py::dtype::from_args(dtype);
        const bool float64 = wanted.equal(py::dtype::of<double>());
        if (!float64 && !wanted.equal(py::dtype::of<float>())) type_error("dtype must be float32 or float64");
        if (l.has_values() && l.float64_values() != float64) type_error("dtype and the values of l must be the same");
        if (like && !l.same_structure(like->l_)) value_error("l and that of `like` must share their index arrays");
        any_ = without_gil([&] {
            return std::visit(
                [&](const auto& view) {
                    const AnyProduct* shared = like ? &like->any_ : nullptr;
                    return float64 ? make_product<double>(view, n_threads, shared)
                                   : make_product<float>(view, n_threads, shared);
                },
                l_.view());
        });
    }

    double apply(const py::array& v, py::array out, int n_threads) const {
        return std::visit(
            [&]<class T, class I>(const Shared<T, I>& product) {
                const auto from = tall<const T>(v, "v", l_.cols());
                const auto to = tall<T>(out, "out", l_.cols(), from.cols);
                check_apart(from, "v", to, "out");
                return without_gil(
                    [&] { return product->apply(from.data, from.ld, from.cols, to.data, to.ld, n_threads); });
            },
            any_);
    }

    void step(const py::array& v, const py::array& shift, double scale, py::array out, bool minus_out,
              int n_threads) const {
        const double* shifts = checked<double>(shift, "shift", {l_.cols()});
        std::visit(
            [&]<class T, class I>(const Shared<T, I>& product) {
                const auto from = tall<const T>(v, "v", l_.cols());
                const auto to = tall<T>(out, "out", l_.cols(), from.cols);
                check_apart(from, "v", to, "out");
                const typename LikesProduct<T, I>::Step step{shifts, scale, minus_out};
                without_gil([&] { product->apply(from.data, from.ld, from.cols, to.data, to.ld, n_threads, &step); });
            },
            any_);
    }

    double squared_norm(const py::array& v, int n_threads) const {
        return std::visit(
            [&]<class T, class I>(const Shared<T, I>& product) {
                const auto from = tall<const T>(v, "v", l_.cols());
                return without_gil([&] { return product->squared_norm(from.data, from.ld, from.cols, n_threads); });
            },
            any_);
    }

    void to_items(const py::array& u, py::array out, int n_threads) const {
        std::visit(
            [&]<class T, class I>(const Shared<T, I>& product) {
                const auto from = tall<const T>(u, "u", l_.rows());
                const auto to = tall<T>(out, "out", l_.cols(), from.cols);
                check_apart(from, "u", to, "out");
                without_gil([&] { product->to_items(from.data, from.ld, from.cols, to.data, to.ld, n_threads); });
            },
            any_);
    }

    void apply_rows(const Csr& rows, const py::array& scale, py::array out, int n_threads) const {
        if (rows.cols() != l_.cols()) value_error("rows has ", rows.cols(), " columns, expected ", l_.cols());
        const double* factors = checked<double>(scale, "scale", {l_.cols()});
        std::visit(
            [&]<class T, class I, class U, class J>(const Shared<T, I>& product, const CsrView<U, J>& given) {
                const auto to = tall<T>(out, "out", l_.cols(), given.rows);
                CsrView<T, J> typed{given.rows, given.cols, given.indptr, given.indices, nullptr};
                if constexpr (std::is_same_v<T, U>) typed.values = given.values;
                if (given.values && !typed.values) type_error("rows and the product must have the same dtype");
                if (given.rows) without_gil([&] { product->apply_rows(typed, factors, to.data, to.ld, n_threads); });
            },
            any_, rows.view());
    }

    py::array_t<double> squares() const {
        return std::visit(
            [&](const auto& product) { return py::array_t<double>(l_.cols(), product->squares().data()); }, any_);
    }

private:
    Csr l_;  // keeps the arrays alive that the product borrows
    AnyProduct any_;
};

}  // namespace

void register_product(py::module_& m) {
    py::class_<Product>(m, "Product", "L'(L V) - diag(c) V and L'U for a matrix L.")
        .def(py::init<const Csr&, const py::object&, int, const Product*>(), py::arg("l"), py::arg("dtype"),
             py::arg("n_threads") = 0, py::arg("like") = py::none(),
             "With `like`, of the same index arrays and other values or another dtype, much is shared.")
        .def("apply", &Product::apply, "out = X v; returns |L v|_F^2.", py::arg("v").noconvert(),
             py::arg("out").noconvert(), py::arg("n_threads") = 0)
        .def("step", &Product::step, "out = scale (X + diag(shift)) v, minus what out held where `minus_out`.",
             py::arg("v").noconvert(), py::arg("shift").noconvert(), py::arg("scale"), py::arg("out").noconvert(),
             py::arg("minus_out") = false, py::arg("n_threads") = 0)
        .def("squared_norm", &Product::squared_norm, "|L v|_F^2 alone.", py::arg("v").noconvert(),
             py::arg("n_threads") = 0)
        .def("to_items", &Product::to_items, "out = L'u.", py::arg("u").noconvert(), py::arg("out").noconvert(),
             py::arg("n_threads") = 0)
        .def("apply_rows", &Product::apply_rows, "out = diag(scale) X rows' for sparse rows.", py::arg("rows"),
             py::arg("scale").noconvert(), py::arg("out").noconvert(), py::arg("n_threads") = 0)
        .def("squares", &Product::squares, "c, the sum of squares of each column of L.");
}

}  // namespace movieembed
