//! `GET /api/v2/alerts/groups`.

use super::{Service, run};

#[test]
fn groups_in_order_with_their_route_labels() {
    run(async || {
        let service = Service::start();
        let body = r#"[{"labels":{"alertname":"B"}},{"labels":{"alertname":"A","team":"x","job":"j"}},
            {"labels":{"alertname":"A","team":"x","instance":"i"}}]"#;
        assert_eq!(service.post("/api/v2/alerts", body).await.status, 200);
        let shown = service.get("/api/v2/alerts/groups").await.body;
        let groups: Vec<&str> = shown.split("{\"alerts\":").skip(1).collect();
        let tails: Vec<&str> = groups.iter().map(|group| group.rsplit_once("}],").unwrap().1).collect();
        assert_eq!(
            tails,
            [
                "\"labels\":{},\"receiver\":{\"name\":\"team-X\"},\"routeLabels\":{}},",
                "\"labels\":{\"alertname\":\"A\"},\"receiver\":{\"name\":\"team-X\"},\"routeLabels\":{\"of\":\"x 2 unknown\",\
                 \"tier\":\"<1>\"}},",
                "\"labels\":{\"alertname\":\"B\"},\"receiver\":{\"name\":\"default\"},\"routeLabels\":{}}]\n",
            ]
        );
        let with_job = groups[0].find("\"job\":\"j\"").unwrap();
        assert!(with_job < groups[0].find("\"instance\":\"i\"").unwrap(), "those with a job come first");
        assert!(groups[1].contains(r#""receivers":[{"name":"team-X"},{"name":"team-X"}]"#));
        let of_default = service.get("/api/v2/alerts/groups?receiver=default").await.body;
        assert_eq!(of_default.matches("{\"alerts\":").count(), 1);
        assert_eq!(service.get("/api/v2/alerts/groups?filter=a%3Db").await.body, "[]\n");
        assert_eq!(service.get("/api/v2/alerts/groups?active=false").await.body, "[]\n");
    });
}
