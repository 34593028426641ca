"""A pipeline at work without a collection, by itself and inside scikit-learn."""

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, PipelineError

TEXTS = [
    f"a text about {word}"
    for word in ["rivers", "stones", "clouds", "bread", "engines", "violins", "harbors", "signals"]
] * 5


def test_encode_is_encoder_then_transforms() -> None:
    vectors = cd.static().encode_documents(TEXTS)
    expected = vectors[:, :64] / np.linalg.norm(vectors[:, :64], axis=1, keepdims=True)
    for expression in ("static() >> truncate(64) >> normalize()", "static() >> truncate(64) >> normalize() >> hnsw()"):
        assert np.allclose(cd.pipeline(expression).encode(TEXTS), expected, atol=1e-6)
    assert cd.pipeline("bag_of_words() >> sparse()").encode(TEXTS[:3]).shape[0] == 3
    assert np.allclose(cd.pipeline("vectors(2)").encode([[3, 4]]), [[0.6, 0.8]])


def test_transforms_are_fitted_on_a_sample_and_then_fixed() -> None:
    pipe = cd.pipeline("static() >> pca(4)")
    with pytest.raises(PipelineError, match="not fitted"):
        pipe.encode(TEXTS)
    expected = cd.pca(4).fit(cd.static().encode_documents(TEXTS))
    assert np.allclose(
        pipe.fit(TEXTS).transform(TEXTS[:3]), expected.transform(cd.static().encode_documents(TEXTS[:3])), atol=1e-5
    )
    vectors = np.random.default_rng(0).standard_normal((50, 16)).astype(np.float32)
    assert cd.pipeline("truncate(8) >> pca(4)").fit_transform(vectors).shape == (50, 4)


def test_queries_stay_precise_where_documents_are_quantized() -> None:
    pipe = cd.pipeline("static() >> int8()").fit(TEXTS)
    assert np.array_equal(pipe.encode(TEXTS[:2], queries=True), cd.static().encode_queries(TEXTS[:2]))
    assert not np.array_equal(pipe.encode(TEXTS[:2]), cd.static().encode_documents(TEXTS[:2]))


@pytest.mark.parametrize("call", [
    lambda: cd.static().encode_documents("abc"), lambda: cd.static().encode_queries("abc"),
    lambda: cd.char_ngrams().encode_documents("abc"), lambda: cd.pipeline("static()").encode("abc"),
    lambda: cd.pipeline("static() >> pca(2)").fit("abc"), lambda: cd.pipeline("static()").encode(7),
])  # fmt: skip
def test_a_lone_text_is_never_a_list_of_letters(call) -> None:
    with pytest.raises(InputError, match="list of items"):
        call()


def test_what_gives_no_vectors_is_a_sentence() -> None:
    for expression in ("bm25()", "fuse(static(), bm25())"):
        with pytest.raises(PipelineError, match="gives no vectors"):
            cd.pipeline(expression).encode(TEXTS)
    with pytest.raises(PipelineError, match="does not start from items"):
        cd.pipeline("truncate(8)").encode(TEXTS)


def test_grid_search_of_scikit_learn_goes_over_the_stages() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.base import clone
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    labels = [i % 8 < 4 for i in range(len(TEXTS))]
    steps = make_pipeline(cd.pipeline("static() >> truncate(64) >> pca(2)"), linear_model.LogisticRegression())
    search = GridSearchCV(steps, {"pipeline__pca__dim": [2, 6], "pipeline__truncate__dim": [32, 64]}, cv=2)
    search.fit(TEXTS, labels)
    assert search.best_score_ > 0.5 and len(search.cv_results_["params"]) == 4
    assert search.predict(TEXTS[:3]).shape == (3,)
    by_expression = GridSearchCV(
        steps, {"pipeline__expression": ["static()", "char_ngrams(4096)"]}, cv=2, error_score="raise"
    )
    assert by_expression.fit(TEXTS, labels).best_score_ > 0.5
    pipe = cd.pipeline("static() >> pca(2)").fit(TEXTS)
    copy = clone(pipe)
    assert copy == pipe and copy is not pipe
    with pytest.raises(PipelineError, match="not fitted"):
        copy.encode(TEXTS)


def test_params_name_the_stages_and_unknown_ones_are_refused() -> None:
    pipe = cd.pipeline("static() >> truncate(64) >> pca(8) >> truncate(4)")
    assert {"truncate__dim": 64, "truncate2__dim": 4}.items() <= pipe.get_params().items()
    assert (
        str(pipe.set_params(truncate2__dim=2)) == "static() >> truncate(64) >> pca(8) >> truncate(2)" and pipe.dim == 2
    )
    for wrong in ({"truncate3__dim": 1}, {"truncate__nonsense": 1}, {"nonsense": 1}):
        with pytest.raises(ValueError, match="no parameter"):
            pipe.set_params(**wrong)
    with pytest.raises(PipelineError):
        pipe.set_params(truncate2__dim=9)


def test_a_pipeline_shows_itself_in_a_notebook() -> None:
    shown = cd.pipeline("static() >> truncate(64)")._repr_html_()
    assert "<code>static()</code> &rarr; <code>truncate(64)</code>" in shown and "64 dimensions" in shown


def test_a_table_and_a_dict_are_no_lists_of_texts():
    pd = pytest.importorskip("pandas")

    pipe = cd.pipeline("hashed(8)")
    for table in (pd.DataFrame({"text": ["a", "b", "c"]}), {"text": "a"}, {}):
        for method in (pipe.encode, pipe.fit, pipe.transform):
            with pytest.raises(cd.errors.InputError, match="list of items is needed"):
                method(table)
    assert pipe.encode(pd.Series(["a", "b", "c"])).shape == (3, 8)
