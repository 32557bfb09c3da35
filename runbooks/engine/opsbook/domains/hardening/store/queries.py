"""SQL with which the store is asked; what does not matter to the one who asks is NULL."""

_ASKED = """
WHERE f.estate = :estate
  AND (:known IS NULL OR f.known = :known)
  AND (:hosts IS NULL OR f.host IN (SELECT value FROM json_each(:hosts)))
  AND (:states IS NULL OR f.state IN (SELECT value FROM json_each(:states)))
  AND (:severities IS NULL OR f.severity IN (SELECT value FROM json_each(:severities)))
  AND (:keys IS NULL OR f.key IN (SELECT value FROM json_each(:keys)))
  AND (:by_control IS NULL OR :by_control = (f.key >= 'control:' AND f.key < 'control;'))"""
_ORDERED = "\nORDER BY f.estate, f.known DESC, f.host, f.key, f.location"
_FINDINGS = """
SELECT f.known, f.host, f.key, f.location, f.state, f.severity, f.first, f.last, r.title, r.ids
FROM findings f JOIN rules r ON r.id = f.rule"""
FINDINGS = _FINDINGS + _ASKED + _ORDERED
OF_ONE_HOST = _FINDINGS + _ASKED + " AND f.known = :of_known AND f.host = :host" + _ORDERED
"""A host is found without looking at all others."""

_NUMBERS = "SELECT f.severity, count(*) FROM findings f"
NUMBERS = _NUMBERS + _ASKED + "\nGROUP BY f.severity ORDER BY f.severity"

_SAID = """
SELECT k.key,
       CASE WHEN k.of_host OR g.location = '' THEN g.artifact ELSE g.location END AS place,
       g.seen, r.scanner, r.rule, g.result, g.severity, g.told, r.title, g.location, g.evidence,
       r.remedy, r.ids, g.package, g.installed, g.fixed, g.more
FROM seen s JOIN scans c ON c.id = s.scan JOIN sightings g ON g.seen = s.id
JOIN rule_keys k ON k.rule = g.rule JOIN rules r ON r.id = g.rule
WHERE s.estate = :estate AND s.known = :known AND s.host = :host"""
OF_HOST = _SAID + " ORDER BY c.at, c.id, g.id"
OF_KEY = _SAID + " AND k.key = :key ORDER BY c.at, c.id, g.id"

LOOK = """
SELECT c.id, s.told, c.at, c.format, c.tool, c.tool_version, c.content, c.content_version,
       c.profile, coalesce(s.credentialed, c.credentialed), c.source, f.name, f.sha256
FROM seen s JOIN scans c ON c.id = s.scan JOIN files f ON f.id = c.file WHERE s.id = ?"""

SEEN = """
SELECT scan, json_group_array(names), json_group_array(addresses), max(os), min(id)
FROM seen WHERE estate = ? AND known = 1 AND host = ? GROUP BY scan"""

FILES = "SELECT id, imported, told FROM files WHERE estate = ? ORDER BY id"

HOSTS = """
SELECT s.known, s.host, count(DISTINCT s.scan), max(c.at),
       json_group_array(s.names), json_group_array(s.addresses)
FROM seen s JOIN scans c ON c.id = s.scan WHERE s.estate = ?
GROUP BY s.known, s.host ORDER BY s.known DESC, s.host"""

COUNTS = """
SELECT known, host, state, severity, count(*) FROM findings WHERE estate = ?
GROUP BY known, host, state, severity ORDER BY known DESC, host, severity"""

PLACES = """
SELECT DISTINCT location FROM findings
WHERE estate = ? AND known IN (0, 1) AND host = ? AND key = ? ORDER BY location"""

SUBJECTS = "SELECT DISTINCT estate, known, host FROM seen WHERE estate = ? ORDER BY known, host"
SUBJECTS_OF_FILE = """
SELECT DISTINCT s.estate, s.known, s.host FROM seen s JOIN scans c ON c.id = s.scan
WHERE c.file = ?"""
SAID = """
SELECT s.known, s.host, k.key,
       CASE WHEN k.of_host OR g.location = '' THEN g.artifact ELSE g.location END AS place,
       min(g.result), min(g.severity), k.scanner
FROM scans c JOIN seen s ON s.scan = c.id JOIN sightings g ON g.seen = s.id
JOIN rule_keys k ON k.rule = g.rule
WHERE c.file = ? GROUP BY s.known, s.host, k.key, place ORDER BY s.known, s.host, k.key, place"""
