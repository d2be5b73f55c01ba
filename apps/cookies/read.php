<?php // What $_COOKIE holds under the name in WANT, as PHP's own server interface has read it. One request a header.
$want = rtrim(hex2bin($_SERVER['WANT']), '*');
$isPrefix = str_ends_with(hex2bin($_SERVER['WANT']), '*');
$want = strtr($want, '. [', '___'); // PHP code asks for the name as PHP makes it
foreach ($_COOKIE as $name => $value) {
  $name = (string) $name;
  if ($isPrefix ? str_starts_with($name, $want) : $name === $want) {
    echo bin2hex($name), '=', is_array($value) ? 'array' : bin2hex($value), ' ';
  }
}
