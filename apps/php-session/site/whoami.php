<?php
// Who is signed in. It reads the session, and doesn't write it, begin one or keep other pages waiting.
if (isset($_COOKIE['remember'])) require 'session.php'; // which signs its user in
elseif (isset($_COOKIE[session_name()])) session_start(['read_and_close' => true]);
header('Content-Type: application/json');
header('Cache-Control: no-store');
echo json_encode(['user' => $_SESSION['user'] ?? null]);
