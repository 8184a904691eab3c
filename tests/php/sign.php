<?php
// Signs as the media servers' published formulas have it, by PHP's own functions. One JSON object in,
// one line out: the query.
//
// sign.php securetoken {"path", "secret", "ip", "parameters", "hash"}
// sign.php wmsauth {"path", "secret", "ip", "id", "start", "minutes"}

function securetoken(array $order): string
{
    $items = $order["parameters"];
    $items[$order["secret"]] = null;
    if ($order["ip"] !== null) {
        $items[$order["ip"]] = null;
    }
    ksort($items, SORT_STRING);
    $hashed = [];
    foreach ($items as $name => $value) {
        $hashed[] = $value === null ? $name : "$name=$value";
    }
    $digest = hash($order["hash"], $order["path"] . "?" . implode("&", $hashed), true);
    $query = $order["parameters"];
    $query["wowzatokenhash"] = strtr(base64_encode($digest), "+/", "-_");
    $pairs = [];
    foreach ($query as $name => $value) {
        $pairs[] = "$name=$value";
    }
    return implode("&", $pairs);
}

function wmsauth(array $order): string
{
    $today = gmdate("n/j/Y g:i:s A", $order["start"]);
    $who = $order["ip"] . $order["id"];
    $text = $who . $order["secret"] . $today . $order["minutes"] . $order["path"];
    $fields = "server_time=$today&hash_value=" . base64_encode(md5($text, true));
    $fields .= "&validminutes=" . $order["minutes"];
    if ($order["path"] !== "") {
        $fields .= "&strm_len=" . strlen($order["path"]);
    }
    if ($order["id"] !== null) {
        $fields .= "&id=" . $order["id"] . ($order["ip"] === null ? "" : "&checkip=true");
    }
    return "wmsAuthSign=" . base64_encode($fields);
}

[, $scheme, $text] = $argv;
$order = json_decode($text, true, 8, JSON_THROW_ON_ERROR);
echo $scheme === "wmsauth" ? wmsauth($order) : securetoken($order), "\n";
