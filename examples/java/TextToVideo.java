import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Make one video: java TextToVideo.java [PROMPT] [SIZE] [OUT], with WANSERVE_KEY set. */
public class TextToVideo {
    static final Map<String, String> ENV = System.getenv();
    static final String URL = ENV.getOrDefault("WANSERVE_URL", "").isEmpty()
            ? "http://127.0.0.1:8000" : ENV.get("WANSERVE_URL");
    static final String KEY = ENV.getOrDefault("WANSERVE_KEY", "");
    static final Duration PATIENCE = Duration.ofMinutes(10);
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    /** What the user is told when there is no video. */
    static class Failed extends Exception {
        Failed(String message) {
            super(message);
        }
    }

    public static void main(String[] args) throws InterruptedException {
        try {
            run(
                args.length > 0 ? args[0] : "A kitten running in the moonlight",
                args.length > 1 ? args[1] : "1920*1080",
                Path.of(args.length > 2 ? args[2] : "kitten.mp4"));
        } catch (Failed error) {
            System.err.println(error.getMessage());
            System.exit(1);
        } catch (IOException error) {
            System.err.println("No answer: " + error);
            System.exit(1);
        }
    }

    static void run(String prompt, String size, Path out) throws Failed, IOException, InterruptedException {
        if (KEY.isEmpty()) {
            throw new Failed("Set WANSERVE_KEY to your key.");
        }
        String taskId = field(post("/wan-video/v1/generateTextToVideoRequest", """
            {
              "model": "wan2.2-t2v-plus",
              "input": { "prompt": %s, "negative_prompt": "flowers, people, text" },
              "parameters": { "size": %s }
            }""".formatted(quoted(prompt), quoted(size))), "task_id");
        System.out.println(taskId);

        HttpRequest video = HttpRequest.newBuilder(URI.create(finished(taskId))).build();
        HttpResponse.BodyHandler<Path> save = answer -> answer.statusCode() == 200
            ? HttpResponse.BodySubscribers.ofFile(out)
            : HttpResponse.BodySubscribers.replacing(out);
        int code = CLIENT.send(video, save).statusCode();
        if (code != 200) {
            throw new Failed("The download answered " + code + ".");
        }
        System.out.println(out);
    }

    /** Waits for the task and returns its video_url, printing each new status. */
    static String finished(String taskId) throws Failed, IOException, InterruptedException {
        String status = "";
        for (Instant end = Instant.now().plus(PATIENCE); Instant.now().isBefore(end); Thread.sleep(1000)) {
            String answer = post("/wan-video-polling/getTextToVideoResult", "{\"task_id\": " + quoted(taskId) + "}");
            String was = status;
            status = field(answer, "task_status");
            if (!status.equals(was)) {
                System.out.println(status);
            }
            if (status.equals("SUCCEEDED")) {
                return field(answer, "video_url");
            }
            if (!status.equals("PENDING") && !status.equals("RUNNING")) {
                String message = field(answer, "message");
                throw new Failed(message.isEmpty() ? "The task is " + status + "." : message);
            }
        }
        throw new Failed("No video after " + PATIENCE.toMinutes() + " minutes.");
    }

    /** Sends the body and returns the answer; fails with the server's message where it refuses. */
    static String post(String path, String json) throws Failed, IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(URL + path))
            .header("Content-Type", "application/json")
            .header("Cache-Control", "no-cache")
            .header("Ocp-Apim-Subscription-Key", KEY)
            .POST(HttpRequest.BodyPublishers.ofString(json))
            .timeout(Duration.ofSeconds(30))
            .build();
        HttpResponse<String> response = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() != 200) {
            String message = field(response.body(), "message");
            throw new Failed(message.isEmpty() ? field(response.body(), "error") : message);
        }
        return response.body();
    }

    /** The text of one field of a JSON answer, "" where it is not there. A program of yours has a JSON library. */
    static String field(String json, String name) {
        Matcher found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
        return found.find() ? found.group(1).replace("\\\"", "\"") : "";
    }

    /** The text as JSON. */
    static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"";
    }
}
