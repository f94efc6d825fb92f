"""Made-up hospitals of the two cities; level 1-3 as in 医院等级, and the bureau's name on its form."""

from pydantic import BaseModel, ConfigDict

BUREAUS = {"510400": "攀枝花市", "620900": "酒泉市"}
_GRADES = {1: "一级", 2: "二级甲等", 3: "三级甲等"}


class Hospital(BaseModel):
    """A hospital of the samples; no hospital of that name exists."""

    model_config = ConfigDict(frozen=True)

    hospital_id: str
    name: str
    level: int

    @property
    def grade(self) -> str:
        """Its level in the words of a certificate."""
        return _GRADES[self.level]


HOSPITALS = {
    hospital.hospital_id: hospital
    for hospital in (
        Hospital(hospital_id="H510400-01", name="攀枝花市样例中心医院", level=3),
        Hospital(hospital_id="H510400-02", name="攀枝花市样例第二医院", level=3),
        Hospital(hospital_id="H510400-03", name="攀枝花市样例中西医结合医院", level=3),
        Hospital(hospital_id="H510400-04", name="仁和区样例人民医院", level=2),
        Hospital(hospital_id="H510400-05", name="米易县样例人民医院", level=2),
        Hospital(hospital_id="H510400-09", name="东区样例社区卫生服务中心", level=1),
        Hospital(hospital_id="H620900-01", name="酒泉市样例人民医院", level=3),
        Hospital(hospital_id="H620900-02", name="酒泉市样例第二医院", level=2),
        Hospital(hospital_id="H620900-03", name="酒泉市样例中医医院", level=3),
        Hospital(hospital_id="H620900-04", name="玉门市样例人民医院", level=2),
        Hospital(hospital_id="H620900-05", name="敦煌市样例医院", level=2),
    )
}
