<?php
// Verifies as the media servers' published formulas have it, by PHP's own functions. One JSON object in,
// one line out: `ok`, or what is wrong.
//
// verify.php securetoken {"query", "path", "secret", "ip", "hash", "now"}
// verify.php wmsauth {"query", "path", "secret", "ip", "now"}

// Values are taken as they came: parse_str would decode them, and turn + into a space.
function fields(string $text): array
{
    $fields = [];
    foreach (explode("&", $text) as $pair) {
        [$name, $value] = explode("=", $pair, 2);
        $fields[$name] = $value;
    }
    return $fields;
}

function securetoken(array $order): string
{
    $fields = fields($order["query"]);
    $hash = $fields["wowzatokenhash"];
    unset($fields["wowzatokenhash"]);
    $items = [$order["secret"]];
    if ($order["ip"] !== null) {
        $items[] = $order["ip"];
    }
    foreach ($fields as $name => $value) {
        if (str_starts_with($name, "wowzatoken")) {
            $items[] = "$name=$value";
        }
    }
    sort($items, SORT_STRING);
    $digest = hash($order["hash"], $order["path"] . "?" . implode("&", $items), true);
    if (!hash_equals(strtr(base64_encode($digest), "+/", "-_"), $hash)) {
        return "hash";
    }
    $is_early = $order["now"] < (int) $fields["wowzatokenstarttime"];
    return $is_early || $order["now"] > (int) $fields["wowzatokenendtime"] ? "time" : "ok";
}

function wmsauth(array $order): string
{
    $fields = fields(base64_decode(fields($order["query"])["wmsAuthSign"], true));
    $signed = substr($order["path"], 0, (int) ($fields["strm_len"] ?? 0));
    $who = $fields["id"] ?? $order["ip"];
    if (($fields["checkip"] ?? "") === "true") {
        $who = $order["ip"] . $fields["id"];
    }
    $time = $fields["server_time"];
    $digest = md5($who . $order["secret"] . $time . $fields["validminutes"] . $signed, true);
    if (!hash_equals(base64_encode($digest), $fields["hash_value"])) {
        return "hash";
    }
    $start = DateTimeImmutable::createFromFormat("n/j/Y g:i:s A", $time, new DateTimeZone("UTC"));
    $age = $order["now"] - $start->getTimestamp();
    return $age < 0 || $age > 60 * (int) $fields["validminutes"] ? "time" : "ok";
}

[, $scheme, $text] = $argv;
$order = json_decode($text, true, 8, JSON_THROW_ON_ERROR);
echo $scheme === "wmsauth" ? wmsauth($order) : securetoken($order), "\n";
