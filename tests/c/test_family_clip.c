/* test_family_clip: each number of config.json outside of what the engine takes, and the sentence about it. */
#include "../../src/tower.h"
#include "test.h"

#define TAKES(key, is, least, most) "config.json: " key " is " is "; this engine takes " least " to " most "."
#define TEXT(members) "{\"text_config\":{" members "}}"
#define IMAGE(members) "{\"vision_config\":{" members "}}"
#define OPEN_MODEL(members) "{\"model_cfg\":{\"embed_dim\":64" members "}}"
#define OPEN_TEXT(members) OPEN_MODEL(",\"text_cfg\":{" members "}")
#define OPEN_IMAGE(members) OPEN_MODEL(",\"vision_cfg\":{" members "}")
#define OFF(key) "open_clip_config.json: " key " is not supported."
#define RATIO "open_clip_config.json: mlp_ratio does not give 8 to 32768 numbers."

void test_family_clip_refuses(void)
{
    static const struct {
        int kind;
        const char *config, *says; /* NULL: it is fine */
        kin_status status;
    } cases[] = {
        {TOWER_TEXT, "{}", NULL, KIN_OK},
        {TOWER_IMAGE, "{}", NULL, KIN_OK},
        {TOWER_TEXT, TEXT("\"hidden_size\":\"8\""), "config.json: hidden_size is not a whole number.", KIN_NOT_A_MODEL},
        {TOWER_TEXT, TEXT("\"hidden_size\":7"), TAKES("hidden_size", "7", "8", "8192"), KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"hidden_size\":8200"), TAKES("hidden_size", "8200", "8", "8192"), KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"intermediate_size\":7"), TAKES("intermediate_size", "7", "8", "32768"), KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"num_hidden_layers\":0"), TAKES("num_hidden_layers", "0", "1", "128"), KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"num_attention_heads\":257"), TAKES("num_attention_heads", "257", "1", "256"),
         KIN_UNSUPPORTED},
        {TOWER_TEXT, "{\"projection_dim\":0}", TAKES("projection_dim", "0", "1", "4096"), KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"hidden_act\":\"relu\""),
         "config.json: hidden_act is not quick_gelu, gelu or gelu_pytorch_tanh.", KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"layer_norm_eps\":\"1e-5\""), "config.json: layer_norm_eps is not between 0 and 1.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, TEXT("\"layer_norm_eps\":0"), "config.json: layer_norm_eps is not between 0 and 1.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, TEXT("\"layer_norm_eps\":1"), "config.json: layer_norm_eps is not between 0 and 1.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, TEXT("\"hidden_size\":510"), "config.json: hidden_size 510 is no multiple of the 8 heads.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, TEXT("\"vocab_size\":1"), TAKES("vocab_size", "1", "2", "1048576"), KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"max_position_embeddings\":1"), TAKES("max_position_embeddings", "1", "2", "4096"),
         KIN_UNSUPPORTED},
        {TOWER_TEXT, TEXT("\"eos_token_id\":\"2\""), "config.json: eos_token_id is not a whole number.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, TEXT("\"eos_token_id\":[2,3]"), NULL, KIN_OK},
        {TOWER_IMAGE, IMAGE("\"num_channels\":4"), TAKES("num_channels", "4", "3", "3"), KIN_UNSUPPORTED},
        {TOWER_IMAGE, IMAGE("\"image_size\":2049"), TAKES("image_size", "2049", "1", "2048"), KIN_UNSUPPORTED},
        {TOWER_IMAGE, IMAGE("\"patch_size\":0"), TAKES("patch_size", "0", "1", "128"), KIN_UNSUPPORTED},
        {TOWER_IMAGE, IMAGE("\"image_size\":31"), "config.json: 0 patches a side; this engine takes 1 to 64.",
         KIN_UNSUPPORTED},
        {TOWER_IMAGE, IMAGE("\"image_size\":65,\"patch_size\":1"),
         "config.json: 65 patches a side; this engine takes 1 to 64.", KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_MODEL(""), NULL, KIN_OK},
        {TOWER_IMAGE, OPEN_MODEL(""), NULL, KIN_OK},
        {TOWER_TEXT, OPEN_TEXT("\"pool_type\":\"argmax\",\"proj_bias\":false,\"mlp_ratio\":null"), NULL, KIN_OK},
        {TOWER_TEXT, OPEN_TEXT("\"pool_type\":\"tok\""), "open_clip_config.json: pool_type must be argmax.",
         KIN_UNSUPPORTED},
        {TOWER_IMAGE, OPEN_IMAGE("\"pool_type\":\"argmax\""), "open_clip_config.json: pool_type must be tok.",
         KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"tokenizer_kwargs\":{}"), NULL, KIN_OK},
        {TOWER_TEXT, "{\"text_config\":[]}", "config.json: what it says of the text tower is not an object.",
         KIN_NOT_A_MODEL},
        {TOWER_IMAGE, "{\"text_config\":[],\"vision_config\":null}", NULL, KIN_OK},
        {TOWER_IMAGE, "{\"model_cfg\":{\"vision_cfg\":7}}",
         "open_clip_config.json: what it says of the image tower is not an object.", KIN_NOT_A_MODEL},
        {TOWER_IMAGE, "{\"model_cfg\":[],\"preprocess_cfg\":{}}", "open_clip_config.json has no model_cfg.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, OPEN_TEXT("\"tokenizer_kwargs\":{\"clean\":\"canonicalize\"}"), OFF("tokenizer_kwargs"),
         KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_MODEL(",\"init_logit_bias\":-10"), OFF("init_logit_bias"), KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"embed_cls\":true"), OFF("embed_cls"), KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"pool_type\":\"last\""), "open_clip_config.json: pool_type must be argmax.",
         KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"proj_type\":\"none\""), "open_clip_config.json: proj_type must be linear.",
         KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"width\":7"), "open_clip_" TAKES("width", "7", "8", "8192"), KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"layers\":0"), "open_clip_" TAKES("layers", "0", "1", "128"), KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"heads\":0"), "open_clip_" TAKES("heads", "0", "1", "256"), KIN_UNSUPPORTED},
        {TOWER_TEXT, "{\"model_cfg\":{}}", "open_clip_" TAKES("embed_dim", "0", "1", "4096"), KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"heads\":5"), "open_clip_config.json: width 512 is no multiple of 5 heads.",
         KIN_NOT_A_MODEL},
        {TOWER_IMAGE, OPEN_IMAGE("\"head_width\":769"), "open_clip_config.json: width 768 is no multiple of 0 heads.",
         KIN_NOT_A_MODEL},
        {TOWER_IMAGE, OPEN_IMAGE("\"head_width\":1"), "open_clip_config.json: width 768 is no multiple of 768 heads.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, OPEN_TEXT("\"mlp_ratio\":\"4\""), RATIO, KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"mlp_ratio\":0.01"), RATIO, KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"mlp_ratio\":65"), RATIO, KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"norm_kwargs\":{\"eps\":0}"), "open_clip_config.json: eps is not between 0 and 1.",
         KIN_NOT_A_MODEL},
        {TOWER_TEXT, OPEN_TEXT("\"vocab_size\":1"), "open_clip_" TAKES("vocab_size", "1", "2", "1048576"),
         KIN_UNSUPPORTED},
        {TOWER_TEXT, OPEN_TEXT("\"context_length\":1"), "open_clip_" TAKES("context_length", "1", "2", "4096"),
         KIN_UNSUPPORTED},
        {TOWER_IMAGE, OPEN_IMAGE("\"patch_size\":0"), "open_clip_" TAKES("patch_size", "0", "1", "128"),
         KIN_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tower sizes;
        json config;
        kin_error err = {0};
        CHECK_EQ(json_open(cases[i].config, strlen(cases[i].config), "config.json", &config, &err), KIN_OK);
        kin_status status = tower_read(&sizes, cases[i].kind, true, config, &err);
        if (cases[i].says)
            CHECK_STR(err.text, cases[i].says);
        CHECK_EQ(status, cases[i].status);
    }
}
