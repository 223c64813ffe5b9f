"""Reads metrics (text, or open for OpenMetrics) with the parsers of
python3-prometheus-client, looks for what they let pass, and prints the samples
as JSON: {"families": {name: {type, unit, help}}, "samples": [[name, labels, value]]}."""
import json
import sys

from prometheus_client import openmetrics, parser
import prometheus_client.openmetrics.parser


def check_histogram(family):
    series = {}
    for sample in family.samples:
        labels = dict(sample.labels)
        bound = labels.pop('le', None)
        one = series.setdefault(json.dumps(labels, sort_keys=True), {'buckets': []})
        if sample.name.endswith('_bucket'):
            one['buckets'].append((float(bound), sample.value))
        else:
            one[sample.name[len(family.name):]] = sample.value
    for labels, one in series.items():
        bounds = [bound for bound, _ in one['buckets']]
        counts = [count for _, count in one['buckets']]
        assert bounds == sorted(bounds) and bounds[-1] == float('inf'), (family.name, labels)
        assert counts == sorted(counts), (family.name, labels)
        assert counts[-1] == one['_count'] and one['_sum'] >= 0, (family.name, labels)


def main():
    text = sys.stdin.read()
    read = (openmetrics.parser if sys.argv[1] == 'open' else parser).text_string_to_metric_families
    families, samples, seen = {}, [], set()
    assert text.endswith('# EOF\n') == (sys.argv[1] == 'open')
    for family in read(text):
        assert family.name not in families, family.name + ' comes twice'
        assert family.type in ('counter', 'gauge', 'histogram'), family.name + ' has no type'
        assert family.documentation.endswith('.'), family.name + ' has no help'
        families[family.name] = {
            'type': family.type, 'unit': family.unit, 'help': family.documentation}
        if family.type == 'histogram':
            check_histogram(family)
        for sample in family.samples:
            key = (sample.name, json.dumps(sample.labels, sort_keys=True))
            assert key not in seen, '%s%s comes twice' % key
            assert family.type != 'counter' or sample.name.endswith('_total'), sample.name
            seen.add(key)
            samples.append([sample.name, sample.labels, sample.value])
    print(json.dumps({'families': families, 'samples': samples}))


main()
