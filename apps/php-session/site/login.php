<?php require 'session.php';
const PASSWORDS = ['alice' => 'alice-pass-1', 'bob' => 'bob-pass-1'];
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $name = (string) ($_POST['user'] ?? '');
    if (isset(PASSWORDS[$name]) && hash_equals(PASSWORDS[$name], (string) ($_POST['password'] ?? ''))) {
        $_SESSION['user'] = $name;
        if (isset($_POST['remember'])) remember($name);
        header('Location: /account.php');
        exit;
    }
    http_response_code(403);
}
page('Sign in', $user);
