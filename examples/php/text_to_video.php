<?php
// Make one video: php text_to_video.php [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set.
declare(strict_types=1);

const MINUTES = 10;

$url = getenv('WANSERVE_URL') ?: 'http://127.0.0.1:8000';
$key = getenv('WANSERVE_KEY') ?: fail('Set WANSERVE_KEY to your key.');
$prompt = $argv[1] ?? 'A kitten running in the moonlight';
$size = $argv[2] ?? '1920*1080';
$out = $argv[3] ?? 'kitten.mp4';

function fail(string $message): never
{
    fwrite(STDERR, $message . "\n");
    exit(1);
}

/** Sends the body and returns the answer's `output`; leaves with the server's message where it refuses. */
function post(string $url, string $key, array $body): array
{
    $ch = curl_init($url);
    curl_setopt_array($ch, [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_POST => true,
        CURLOPT_POSTFIELDS => json_encode($body),
        CURLOPT_TIMEOUT => 30,
        CURLOPT_HTTPHEADER => [
            'Content-Type: application/json',
            'Cache-Control: no-cache',
            'Ocp-Apim-Subscription-Key: ' . $key,
        ],
    ]);
    $response = curl_exec($ch);
    if ($response === false) {
        fail(curl_error($ch));
    }
    $answer = json_decode($response, true);
    if (curl_getinfo($ch, CURLINFO_RESPONSE_CODE) !== 200) {
        fail($answer['message'] ?? $answer['error'] ?? $response);
    }
    return $answer['output'];
}

function download(string $url, string $out): void
{
    $file = fopen($out, 'wb') ?: exit(1);
    $ch = curl_init($url);
    curl_setopt_array($ch, [CURLOPT_FILE => $file, CURLOPT_FAILONERROR => true]);
    $done = curl_exec($ch);
    fclose($file);
    if (!$done) {
        unlink($out);
        fail(curl_error($ch));
    }
}

$task = post("$url/wan-video/v1/generateTextToVideoRequest", $key, [
    'model' => 'wan2.2-t2v-plus',
    'input' => ['prompt' => $prompt, 'negative_prompt' => 'flowers, people, text'],
    'parameters' => ['size' => $size],
]);
echo $task['task_id'], "\n";

$status = null;
for ($end = time() + MINUTES * 60; time() < $end; sleep(1)) {
    $output = post("$url/wan-video-polling/getTextToVideoResult", $key, ['task_id' => $task['task_id']]);
    if ($output['task_status'] !== $status) {
        $status = $output['task_status'];
        echo $status, "\n";
    }
    if ($status === 'SUCCEEDED') {
        download($output['video_url'], $out);
        echo $out, "\n";
        exit;
    }
    if ($status !== 'PENDING' && $status !== 'RUNNING') {
        fail($output['message'] ?? "The task is $status.");
    }
}
fail('No video after ' . MINUTES . ' minutes.');
