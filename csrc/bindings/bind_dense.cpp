// Tall arrays against small ones, and the residual of the objective term by term.
#include "bindings/checked_csr.hpp"
#include "bindings/register.hpp"
#include "dense/dense.hpp"
#include "dense/residual.hpp"

namespace movieembed {
namespace {

py::array_t<double> bind_row_dots(const py::array& a, const py::array& b, int n_threads) {
    return std::visit(
        [&]<class T>(const Tall<const T>& left) {
            const auto right = tall<const T>(b, "b", left.rows, left.cols);
            py::array_t<double> out(left.rows);
            without_gil([&] { row_dots(left, right, out.mutable_data(), n_threads); });
            return out;
        },
        any_tall(a, "a"));
}

void bind_tall_times_small(const py::array& a, const py::array& c, py::array out, bool add, int n_threads) {
    check_blas();
    std::visit(
        [&]<class T>(const Tall<const T>& left) {
            const T* right = checked<T>(c, "c", {left.cols, -1});
            const int64_t q = c.shape(1);
            const auto to = tall<T>(out, "out", left.rows, q);
            check_apart(left, "a", to, "out");
            check_no_overlap(c, "c", out, "out");
            without_gil([&] { tall_times_small(left, right, q, to, add, n_threads); });
        },
        any_tall(a, "a"));
}

py::array_t<double> bind_tall_gram(const py::array& a, const py::object& b, const py::object& w, int n_threads) {
    check_blas();
    const auto array_of = [](const py::object& x, const char* name) {
        auto array = py::array::ensure(x);
        if (!array) type_error(name, " must be an array");
        return array;
    };
    return std::visit(
        [&]<class T>(const Tall<const T>& left) {
            Tall<const T> right{nullptr, left.rows, left.cols, left.ld};
            py::array b_array, w_array;  // alive during the call
            if (!b.is_none()) right = tall<const T>(b_array = array_of(b, "b"), "b", left.rows);
            const double* weights = nullptr;
            if (!w.is_none()) {
                if (right.data) value_error("w and b do not go together");
                weights = checked<double>(w_array = array_of(w, "w"), "w", {left.rows});
            }
            py::array_t<double> out({left.cols, right.cols});
            without_gil([&] { tall_gram(left, right, weights, out.mutable_data(), n_threads); });
            return out;
        },
        any_tall(a, "a"));
}

void bind_eigen_residual(const py::array& q, const py::array& xq, const py::array& delta, const py::array& theta,
                         double scale, py::array out, int n_threads) {
    std::visit(
        [&]<class T>(const Tall<const T>& tq) {
            const auto tx = tall<const T>(xq, "xq", tq.rows, tq.cols);
            const double* pd = checked<double>(delta, "delta", {tq.rows});
            const double* pt = checked<double>(theta, "theta", {tq.cols});
            const auto to = tall<T>(out, "out", tq.rows, tq.cols);
            check_apart_or_same(tq, "q", to, "out");
            check_apart_or_same(tx, "xq", to, "out");
            without_gil([&] { eigen_residual(tq, tx, pd, pt, scale, to, n_threads); });
        },
        any_tall(q, "q"));
}

py::tuple bind_moments(const py::array& v, int n_threads) {
    check_blas();
    return std::visit(
        [&](const auto& tv) {
            py::array_t<double> gram({tv.cols, tv.cols}), norms(tv.rows);
            without_gil([&] { moments(tv, gram.mutable_data(), norms.mutable_data(), n_threads); });
            return py::make_tuple(gram, norms);
        },
        any_tall(v, "v"));
}

py::array_t<double> bind_masked_gradient(const py::array& v, const py::array& xv, const py::array& gram,
                                         const py::array& norms, const py::object& given, int n_threads) {
    check_blas();
    return std::visit(
        [&]<class T>(const Tall<const T>& tv) {
            const auto tx = tall<const T>(xv, "xv", tv.rows, tv.cols);
            const T* pg = checked<T>(gram, "gram", {tv.cols, tv.cols});
            const double* pn = checked<double>(norms, "norms", {tv.rows});
            Tall<T> to{};
            if (!given.is_none()) {
                if (!py::isinstance<py::array>(given)) type_error("out", " must be an array");
                auto out = py::reinterpret_borrow<py::array>(given);
                to = tall<T>(out, "out", tv.rows, tv.cols);
                check_apart(tv, "v", to, "out");
                check_apart(tx, "xv", to, "out");
                check_no_overlap(gram, "gram", out, "out");
                check_no_overlap(norms, "norms", out, "out");
            }
            py::array_t<double> squares(tv.rows);
            without_gil([&] { masked_gradient(tv, tx, pg, pn, to, squares.mutable_data(), n_threads); });
            return squares;
        },
        any_tall(v, "v"));
}

py::array_t<double> bind_residual_rows(const Csr& l, const Csr& lt, int64_t first, py::array p, int n_threads) {
    check_pair(l, lt);
    checked<double>(p, "p", {-1, l.cols()});
    double* to = data_to_write<double>(p, "p");
    const int64_t rows = p.shape(0);
    check_range(first, first, l.cols());  // alone, so that the sum below cannot overflow
    check_range(first, first + rows, l.cols());
    py::array_t<double> squares(rows);
    with_views(l, lt, [&](const auto& by_user, const auto& by_item) {
        residual_rows(by_user, by_item, first, rows, to, squares.mutable_data(), n_threads);
    });
    return squares;
}

}  // namespace

void register_dense(py::module_& m) {
    m.def("row_dots", &bind_row_dots, "Row-wise dot products in float64.", py::arg("a").noconvert(),
          py::arg("b").noconvert(), py::arg("n_threads") = 0);
    m.def("tall_times_small", &bind_tall_times_small, "out = a c, or out += a c.", py::arg("a").noconvert(),
          py::arg("c").noconvert(), py::arg("out").noconvert(), py::arg("add") = false, py::arg("n_threads") = 0);
    m.def("tall_gram", &bind_tall_gram, "a'b, or a' diag(w) a, in float64.", py::arg("a").noconvert(),
          py::arg("b") = py::none(), py::arg("w") = py::none(), py::arg("n_threads") = 0);
    m.def("eigen_residual", &bind_eigen_residual, "out = scale (xq + diag(delta) q - q diag(theta)).",
          py::arg("q").noconvert(), py::arg("xq").noconvert(), py::arg("delta").noconvert(),
          py::arg("theta").noconvert(), py::arg("scale"), py::arg("out").noconvert(), py::arg("n_threads") = 0);
    m.def("moments", &bind_moments, "(v'v, row norms squared), all of it in float64.", py::arg("v").noconvert(),
          py::arg("n_threads") = 0);
    m.def("masked_gradient", &bind_masked_gradient,
          "out = 4 (v gram - xv - diag(norms) v), where out is given; returns the squared norms of its rows.",
          py::arg("v").noconvert(), py::arg("xv").noconvert(), py::arg("gram").noconvert(),
          py::arg("norms").noconvert(), py::arg("out") = py::none(), py::arg("n_threads") = 0);
    m.def("residual_rows", &bind_residual_rows, "p <- p - X off the diagonal, 0 on it; returns row sums of squares.",
          py::arg("l"), py::arg("lt"), py::arg("first"), py::arg("p").noconvert(), py::arg("n_threads") = 0);
}

}  // namespace movieembed
